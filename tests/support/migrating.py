"""A process that opens an older database, and dies by SIGKILL at one of the instants of its migration."""

import os
import signal
import sys
from pathlib import Path
from typing import Any

from peewee import SqliteDatabase

from ospi_supervisor.store.database import bring_up_to_date, sqlite_url
from ospi_supervisor.store.formats import Format
from tests.support.forked import forked

FILE_EVENTS = frozenset({"open", "sqlite3.connect", "os.rename", "os.remove", "os.chmod", "os.chown"})


class Instants:
    """Counts what is done to files and databases; kills its process at the one of number `last`."""

    def __init__(self, last: int) -> None:
        self.count, self._last = 0, last

    def pass_one(self) -> None:
        """One more instant."""
        self.count += 1
        if self.count == self._last:
            os.kill(os.getpid(), signal.SIGKILL)


def count_instants(path: Path, wanted: Format) -> int:
    """How many instants the migration of that database has; it is done then."""
    context = forked()
    queue: Any = context.SimpleQueue()
    child = context.Process(target=_migrate, args=(path, wanted.name, 0, queue))
    child.start()
    child.join(60)
    assert child.exitcode == 0
    return int(queue.get())


def kill_at(instant: int, path: Path, wanted: Format) -> int | None:
    """Begin its migration in a process of its own that dies at that instant; the exit code."""
    context = forked()
    child = context.Process(target=_migrate, args=(path, wanted.name, instant, None))
    child.start()
    child.join(60)
    return child.exitcode


def _migrate(path: Path, name: str, last: int, queue: Any) -> None:
    from tests.store.test_formats import FORMATS

    wanted = next(one for one in FORMATS if one.name == name)
    instants = Instants(last)
    execute: Any = SqliteDatabase.execute_sql

    def counted(self: SqliteDatabase, *args: Any, **options: Any) -> Any:
        instants.pass_one()
        return execute(self, *args, **options)

    def seen(event: str, args: tuple[Any, ...]) -> None:
        if event in FILE_EVENTS and str(path.parent) in str(args[0]):
            instants.pass_one()

    SqliteDatabase.execute_sql = counted  # type: ignore[assignment, method-assign]
    sys.addaudithook(seen)
    bring_up_to_date(sqlite_url(path), wanted)
    instants.pass_one()
    if queue is not None:
        queue.put(instants.count)
