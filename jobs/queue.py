"""The queue between the web process and the worker. It carries the number of a request and nothing else."""

import logging
import os
import sqlite3
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from huey import SqliteHuey
from huey.consumer import Consumer

from ospi_supervisor.errors import StateError
from ospi_supervisor.files import give_to_owner_of_folder
from ospi_supervisor.jobs.serializer import JSONSerializer

logger = logging.getLogger(__name__)

THREADS = 3
"""One runs the update, the others go on judging requests (a cancellation must not wait for the update's end)."""

POLL_SECONDS = 0.5


class Queue:
    """The doorbell. The worker says what to do when it rings and each minute; the web process only rings it.

    StateError where its file cannot be opened.
    """

    def __init__(
        self, path: Path, handle: Callable[[int], None] | None = None, tick: Callable[[], None] | None = None
    ) -> None:
        _make_shared(path)
        try:
            self._huey = SqliteHuey(filename=str(path), results=False, serializer=JSONSerializer())
        except sqlite3.DatabaseError as error:
            raise StateError(
                f"la file {path} ne peut pas être ouverte ({error}) ; arrêtez les services web et de mise à jour, puis"
                " supprimez ce fichier : il ne porte rien qui ne soit ailleurs, et sera refait"
            ) from error

        def handle_request(request_id: int) -> None:
            if handle is not None:
                handle(request_id)

        def each_minute() -> None:
            if tick is not None:
                tick()

        self._handle_request = self._huey.task()(handle_request)
        self._huey.periodic_task(_always)(each_minute)

    def ring(self, request_id: int) -> None:
        """Tell the worker of a request. Where that fails, its look at the database each minute will find it."""
        try:
            self._handle_request(request_id)
        except sqlite3.Error as error:
            logger.warning("cannot ring for request %s: %s", request_id, error)

    def consumer(self) -> Consumer:
        """What works the queue off, in this process; SIGTERM lets the tasks at work end."""
        return Consumer(self._huey, workers=THREADS, max_delay=POLL_SECONDS, graceful_signal="TERM")


def _always(_now: datetime) -> bool:
    """Huey's own calendar is UTC and catches nothing up: what is due is our rules' to say, each minute."""
    return True


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
