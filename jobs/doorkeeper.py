"""The hand that minds the web account's queue and requests. Arguments: the queue's file, `web.db`, that account.

Whatever that account makes of its files is opened by it alone; the worker is told of requests, line by line.
"""

import json
import os
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote

from ospi_supervisor.errors import StateError
from ospi_supervisor.hands.inside.account import become
from ospi_supervisor.hands.inside.answers import Command, Operation, RefusedError, serve
from ospi_supervisor.jobs.queue import Queue
from ospi_supervisor.store.database import refuse_newer, sqlite_url
from ospi_supervisor.store.web_models import WEB_FORMAT
from ospi_supervisor.system.written import Written

QUIET_SECONDS = 5.0
"""The queue is read when it was written to, and every so often anyway; the worker hears then that nothing rings."""
LOOK_SECONDS = 0.1
"""How often it is seen whether it was written to, where the system does not tell."""
FIRST_LOOK_SECONDS = 0.01
"""SQLite writes a commit to its log first and shows it to readers later, which nothing tells of; a slow disk lies in
between. So the queue is looked at again after a write, each time after twice as long."""
LONGEST_PAYLOAD = 16 * 1024
"""A longer one asks for nothing that we know: it is told as an empty one, which is refused and so answered."""
MOST_BRACKETS = 200
"""The same of one that has more: what is nested a thousand deep is read by nobody."""
BUSY_SECONDS = 5.0
COLUMNS = "id, kind, payload, source, requested_by, requested_at"


def main() -> None:
    """Become that account; then answer."""
    queue, web_db, user, *groups = sys.argv[1:]
    become(int(user), [int(group) for group in groups])
    tempfile.tempdir = os.path.dirname(web_db)  # noqa: PTH120 - of the places that hands see, one that is this account's
    door = _Door(Path(queue), web_db)
    operations: dict[str, Operation] = {"rung": door.rung, "after": door.after}
    serve(operations)


class _Door:
    def __init__(self, queue: Path, web_db: str) -> None:
        self._queue_path, self._log_path = queue, queue.with_name(f"{queue.name}-wal")
        self._web_db = web_db
        self._queue: Queue | None = None
        self._seen: list[tuple[int, int]] = []
        self._pause = QUIET_SECONDS
        self._written: Written | None = None
        with suppress(OSError):  # too many folders are watched already
            self._written = Written(queue.parent)

    def rung(self, command: Command, _: BinaryIO) -> Iterator[Any]:
        """The first request for which the bell rings within `seconds`; nothing where it stays silent."""
        deadline = time.monotonic() + command["seconds"]
        while time.monotonic() < deadline:
            if (number := self._next()) is not None:
                yield from self._requests("WHERE id = ?", number)
                return
            yield None
            self._wait_until_written()

    def after(self, command: Command, _: BinaryIO) -> Iterator[Any]:
        """The first `most` requests made after the one of that `number`."""
        yield from self._requests("WHERE id > ? ORDER BY id LIMIT ?", command["number"], command["most"])

    def _wait_until_written(self) -> None:
        """Return when the queue was written to, or may show what was written, or after `QUIET_SECONDS`."""
        wait = self._written.wait if self._written is not None else self._wait_looking
        self._pause = FIRST_LOOK_SECONDS if wait(self._pause) else min(2 * self._pause, QUIET_SECONDS)

    def _wait_looking(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while not (written := self._was_written()) and time.monotonic() < deadline:
            time.sleep(min(LOOK_SECONDS, seconds))
        return written

    def _was_written(self) -> bool:
        before, self._seen = self._seen, []
        for file in (self._queue_path, self._log_path):
            with suppress(OSError):  # there is none yet; what else is wrong, the next reading tells
                found = file.lstat()
                self._seen.append((found.st_mtime_ns, found.st_size))
        return before != self._seen

    def _next(self) -> int | None:
        try:
            self._queue = self._queue or Queue(self._queue_path)
            return self._queue.next()
        except (StateError, sqlite3.Error) as error:
            raise RefusedError(f"la file ne peut pas être lue : {error}") from error

    def _requests(self, which: str, *values: int) -> Iterator[Any]:
        if not Path(self._web_db).exists():
            return
        uri = f"file:{quote(self._web_db)}?mode=rw"
        try:
            refuse_newer(sqlite_url(Path(self._web_db)), WEB_FORMAT)  # an older one has the same requests
            with closing(sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS)) as connection:
                connection.execute("PRAGMA query_only = ON")
                connection.text_factory = lambda text: text.decode("utf-8", "replace")
                for row in connection.execute(f"SELECT {COLUMNS} FROM request {which}", values):  # noqa: S608 - ours
                    yield _told(*row)
        except StateError as error:
            raise RefusedError(str(error)) from error
        except sqlite3.Error as error:
            raise RefusedError(f"la base {self._web_db} ne peut pas être lue : {error}") from error


def _told(number: object, kind: object, payload: object, *rest: object) -> list[object]:
    try:
        asked = json.loads(payload) if isinstance(payload, str) and _is_small(payload) else {}
    except ValueError:
        asked = {}
    return [None if isinstance(value, bytes) else value for value in (number, kind, asked, *rest)]


def _is_small(payload: str) -> bool:
    return len(payload) <= LONGEST_PAYLOAD and payload.count("[") + payload.count("{") <= MOST_BRACKETS
