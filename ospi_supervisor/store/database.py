"""Opens the databases by their addresses. SQLite's traps are known here and nowhere else."""

import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TypeVar

from peewee import Database, OperationalError, RawQuery

from ospi_supervisor.errors import ConfigurationError
from ospi_supervisor.store.connections import connection_to, first, naming, naming_writes
from ospi_supervisor.store.formats import Format, create_tables
from ospi_supervisor.store.upgrade import upgrade
from ospi_supervisor.system.files import fsync_dir
from ospi_supervisor.system.temporary import temporary_folder

Result = TypeVar("Result")
LOOKS = 5
"""How often a reader looks anew where the log went from under its eyes: each time, a writer has come or gone."""
PRIMARY = 0xFF
"""The bits of an error's code that say its kind, and not which of that kind (SQLite, Result and Error Codes)."""


def sqlite_url(path: Path) -> str:
    """The address of the SQLite database at the absolute `path`."""
    return f"sqlite:///{path}"


def sqlite_path(url: str) -> Path:
    """The file that the address names; ConfigurationError where it names none."""
    if not url.startswith("sqlite:////"):
        raise ConfigurationError(f"base {url} : une adresse de la forme sqlite:////chemin/absolu est attendue")
    return Path(url.removeprefix("sqlite:///"))


class WritableDatabase:
    """A database that this process writes: write-ahead log, durable commits, foreign keys. StateError where it cannot
    be opened.

    One connection serves all threads behind a lock: a transaction here takes a few milliseconds.
    """

    def __init__(self, url: str, wanted: Format, mode: int) -> None:
        self.path = sqlite_path(url)
        self._format = wanted
        self._lock = threading.RLock()
        self.database = connection_to(str(self.path), {"journal_mode": "wal", "synchronous": "full", "foreign_keys": 1})
        with naming(self.path):
            if existed := self.path.exists():
                bring_up_to_date(url, wanted)
            else:
                _make(self.path, wanted, mode)
            self.database.connect()
            if existed:
                create_tables(self.database, wanted.models)  # an index too may be missing

    @contextmanager
    def transaction(self) -> Iterator[Database]:
        """All of what is done within, durably, or nothing of it; StateError where it cannot be written.

        IMMEDIATE: one that reads before it writes would otherwise fail at once when another process writes.
        """
        with self._lock, naming(self.path), naming_writes(self.path):
            outermost = not self.database.in_transaction()
            with self.database.atomic("IMMEDIATE"):
                if outermost:
                    self._format.check(self.database, self.path)
                yield self.database

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Have the connection for queries that change nothing; StateError where they cannot be answered."""
        with self._lock, naming(self.path):
            self._format.check(self.database, self.path)
            yield

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self.database.close()


class ReadOnlyDatabase:
    """A database that another process writes, under another account. Never creates a file beside it.

    SQLite reads a database with a write-ahead log through that log's files. Where a clean stop of the writer
    removed them, somebody without rights on the folder cannot open it as usual: it is then read as the
    immutable file that it is for the time being. A power cut leaves the log without its index (`-shm`), which a
    reader may not make: until the writer is back, a copy is read.
    """

    def __init__(self, url: str, wanted: Format) -> None:
        self._path = sqlite_path(url)
        self._log = self._path.with_name(f"{self._path.name}-wal")
        self._log_index = self._path.with_name(f"{self._path.name}-shm")
        self._format = wanted
        self._lock = threading.RLock()
        self._live = connection_to(f"file:{_escaped(self._path)}?mode=ro", {})

    def read(self, query: Callable[[Database], Result]) -> Result:
        """What `query` finds, in one consistent view; an empty database where there is none yet.

        StateError where it cannot be read, or is not of this program's format.
        """

        def checked(database: Database) -> Result:
            self._format.check(database, self._path)
            return query(database)

        return self.read_as_it_is(checked)

    def read_as_it_is(self, query: Callable[[Database], Result]) -> Result:
        """The same, whatever the format."""
        with self._lock, naming(self._path):
            for _ in range(LOOKS - 1):
                try:
                    return self._look(query)
                except (OperationalError, FileNotFoundError) as error:
                    if not _is_gone(error):
                        raise
                    self._live.close()
            return self._look(query)

    def _look(self, query: Callable[[Database], Result]) -> Result:
        if not self._path.exists():
            return self._read_empty(query)
        if not self._log.exists():
            with connection_to(f"file:{_escaped(self._path)}?immutable=1", {}) as still:
                result = query(still)
            if not self._log.exists():
                return result
            # A writer came in the meantime: what was read may be torn.
        if not self._log_index.exists():
            result = self._read_copy(query)
            if not self._log_index.exists():
                return result
        self._live.connect(reuse_if_open=True)
        with self._live.atomic():
            return query(self._live)

    def version(self) -> tuple[int, bool, int]:
        """Something that changes whenever the database did; cheap enough to be asked ten times a second."""

        def pragma(database: Database) -> int:
            rows = list(RawQuery("PRAGMA data_version").tuples().execute(database))
            return int(rows[0][0])

        changed_at = self._path.stat().st_mtime_ns if self._path.exists() else 0
        followed = self._log_index.exists() or not self._log.exists()
        return changed_at, self._log.exists(), self.read(pragma) if followed else 0

    def integrity(self) -> list[str]:
        """What SQLite says of the database: `ok`, or what is wrong with it."""

        def check(database: Database) -> list[str]:
            return [str(row[0]) for row in RawQuery("PRAGMA integrity_check").tuples().execute(database)]

        return self.read(check)

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._live.close()

    def _read_copy(self, query: Callable[[Database], Result]) -> Result:
        with temporary_folder() as folder:
            copy = Path(folder, self._path.name)
            shutil.copyfile(self._path, copy)
            if self._log.exists():
                shutil.copyfile(self._log, copy.with_name(self._log.name))
            database = connection_to(str(copy), {})
            with database:
                return query(database)

    def _read_empty(self, query: Callable[[Database], Result]) -> Result:
        with connection_to(":memory:", {}) as empty:
            self._format.create(empty)
            return query(empty)


def _is_gone(error: Exception) -> bool:
    """Whether the log or its index was no more there, which the last writer that closes removes, and a reader may not
    make."""
    code = getattr(first(error), "sqlite_errorcode", 0)
    return isinstance(error, FileNotFoundError) or code & PRIMARY in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY)


def bring_up_to_date(url: str, wanted: Format) -> None:
    """Have the existing database of that address in this program's format, whole; StateError where that cannot be.

    A newer one is only read: nothing changes in it, nor beside it.
    """
    path = sqlite_path(url)
    if not _as_it_is(url, wanted, lambda database: wanted.is_done(database, path)):
        upgrade(path, wanted)


def refuse_newer(url: str, wanted: Format) -> None:
    """NewerFormatError where a newer program wrote the existing database of that address; nothing in it changes."""
    path = sqlite_path(url)
    _as_it_is(url, wanted, lambda database: wanted.pending(database, path))


def _as_it_is(url: str, wanted: Format, query: Callable[[Database], Result]) -> Result:
    with closing(ReadOnlyDatabase(url, wanted)) as present:
        return present.read_as_it_is(query)


def _make(path: Path, wanted: Format, mode: int) -> None:
    """Make the database under another name first: a reader finds it complete or not at all."""
    path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.new")
    unfinished.unlink(missing_ok=True)
    with connection_to(str(unfinished), {"synchronous": "full"}) as database:
        wanted.create(database)
    database.close()
    # The companions `-wal` and `-shm` will take over the file's mode.
    unfinished.chmod(mode)
    unfinished.replace(path)
    fsync_dir(path.parent)


def _escaped(path: Path) -> str:
    return path.as_uri().removeprefix("file://")
