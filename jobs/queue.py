"""The queue between the web process and the worker. It carries the number of a request and nothing else."""

import logging
import os
import sqlite3
from pathlib import Path

from huey import SqliteHuey

from ospi_supervisor.errors import NewerFormatError, StateError
from ospi_supervisor.jobs.serializer import JSONSerializer
from ospi_supervisor.store.database import bring_up_to_date, sqlite_url
from ospi_supervisor.store.formats import Format
from ospi_supervisor.system.files import give_to_owner_of_folder

logger = logging.getLogger(__name__)

QUEUE_FORMAT = Format("queue", (), "le service de mise à jour")
"""What is ours in the queue's file; huey makes its own tables."""


class Queue:
    """The doorbell: the web process rings it, the worker's door-keeper listens.

    StateError where its file cannot be opened; NewerFormatError where a newer program wrote it.
    """

    def __init__(self, path: Path) -> None:
        _make_shared(path)
        self._rung: list[int] = []
        try:
            bring_up_to_date(sqlite_url(path), QUEUE_FORMAT)
            self._huey = SqliteHuey(filename=str(path), results=False, serializer=JSONSerializer())
        except NewerFormatError:
            raise
        except (StateError, sqlite3.DatabaseError) as error:
            raise StateError(
                f"la file {path} ne peut pas être ouverte ({error.__cause__ or error}) ;"
                " arrêtez les services web et de mise à jour, puis"
                " supprimez ce fichier : il ne porte rien qui ne soit ailleurs, et sera refait"
            ) from error

        def handle_request(request_id: int) -> None:
            self._rung.append(request_id)

        self._handle_request = self._huey.task()(handle_request)

    def ring(self, request_id: int) -> None:
        """Tell the worker of a request. Where that fails, its look at the database each minute will find it."""
        try:
            self._handle_request(request_id)
        except sqlite3.Error as error:
            logger.warning("cannot ring for request %s: %s", request_id, error)

    def next(self) -> int | None:
        """The request for which the bell was rung, each once; None where it is silent. What is no ring is dropped.

        sqlite3.Error where the file cannot be read.
        """
        try:
            task = self._huey.dequeue()
            if task is not None:
                self._huey.execute(task)
        except sqlite3.Error:
            raise
        except Exception as error:  # noqa: BLE001 - whatever was written there, by whomever
            logger.warning("what was in the queue is no ring: %s", error)
        number = self._rung.pop() if self._rung else None
        return number if isinstance(number, int) else None


def _make_shared(path: Path) -> None:
    """An empty file that both accounts write to, whichever made it; SQLite's companions follow its owner and mode."""
    path.parent.mkdir(mode=0o770, parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o660)
    except FileExistsError:
        return
    os.fchmod(descriptor, 0o660)
    os.close(descriptor)
    give_to_owner_of_folder(path)
