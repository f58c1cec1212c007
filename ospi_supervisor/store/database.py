"""Opens the databases by their addresses. SQLite's traps are known here and nowhere else."""

import shutil
import sqlite3
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from peewee import Database, DatabaseError, OperationalError, RawQuery, SchemaManager, SqliteDatabase

from ospi_supervisor.errors import ConfigurationError, StateError
from ospi_supervisor.files import fsync_dir

BUSY_TIMEOUT_SECONDS = 15
LAST_NUMBER = 2**63 - 1
"""The greatest number that a database can hold."""
DAMAGED = (DatabaseError, sqlite3.DatabaseError)
"""What an error of SQLite's is, itself and not a kind of it, where the file is no database or a torn one."""
Result = TypeVar("Result")


def sqlite_url(path: Path) -> str:
    """The address of the SQLite database at the absolute `path`."""
    return f"sqlite:///{path}"


def sqlite_path(url: str) -> Path:
    """The file that the address names; ConfigurationError where it names none."""
    if not url.startswith("sqlite:////"):
        raise ConfigurationError(f"base {url} : une adresse de la forme sqlite:////chemin/absolu est attendue")
    return Path(url.removeprefix("sqlite:///"))


def create_tables(database: Database, models: tuple[type[Any], ...]) -> None:
    """Make what is missing of the tables and indexes of `models`, without binding them to `database`."""
    for model in models:
        SchemaManager(model, database).create_all()


class WritableDatabase:
    """A database that this process writes: write-ahead log, durable commits, foreign keys. StateError where it cannot
    be opened.

    One connection serves all threads behind a lock: a transaction here takes a few milliseconds.
    """

    def __init__(self, url: str, models: tuple[type[Any], ...], mode: int) -> None:
        self.path = sqlite_path(url)
        self._lock = threading.RLock()
        existed = self.path.exists()
        self.database = _sqlite(str(self.path), {"journal_mode": "wal", "synchronous": "full", "foreign_keys": 1})
        with _naming(self.path):
            if not existed:
                _make(self.path, models, mode)
            self.database.connect()
            if existed:
                create_tables(self.database, models)  # those that a former version of the program did not have

    @contextmanager
    def transaction(self) -> Iterator[Database]:
        """All of what is done within, durably, or nothing of it; StateError where it cannot be written.

        IMMEDIATE: one that reads before it writes would otherwise fail at once when another process writes.
        """
        with self._lock, _naming(self.path):
            try:
                with self.database.atomic("IMMEDIATE"):
                    yield self.database
            except OperationalError as error:
                raise StateError(
                    f"l'état du superviseur ne peut pas être écrit ({_first(error)}) ;"
                    f" libérez de l'espace sur le disque qui porte {self.path.parent}"
                ) from error

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Have the connection for queries that change nothing; StateError where they cannot be answered."""
        with self._lock, _naming(self.path):
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

    def __init__(self, url: str, models: tuple[type[Any], ...]) -> None:
        self._path = sqlite_path(url)
        self._log = self._path.with_name(f"{self._path.name}-wal")
        self._log_index = self._path.with_name(f"{self._path.name}-shm")
        self._models = models
        self._lock = threading.RLock()
        self._live = _sqlite(f"file:{_escaped(self._path)}?mode=ro", {})

    def read(self, query: Callable[[Database], Result]) -> Result:
        """What `query` finds, in one consistent view; an empty database where there is none yet.

        StateError where it cannot be read.
        """
        with self._lock, _naming(self._path):
            if not self._path.exists():
                return self._read_empty(query)
            if not self._log.exists():
                with _sqlite(f"file:{_escaped(self._path)}?immutable=1", {}) as still:
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
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder, self._path.name)
            shutil.copyfile(self._path, copy)
            if self._log.exists():
                shutil.copyfile(self._log, copy.with_name(self._log.name))
            database = _sqlite(str(copy), {})
            with database:
                return query(database)

    def _read_empty(self, query: Callable[[Database], Result]) -> Result:
        with _sqlite(":memory:", {}) as empty:
            create_tables(empty, self._models)
            return query(empty)


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """StateError that names the database at `path` where SQLite finds it damaged, or cannot get at it."""
    try:
        yield
    except (DatabaseError, sqlite3.DatabaseError) as error:
        if type(error) in DAMAGED:
            raise StateError(
                f"la base {path} est endommagée ({_first(error)}) ; n'y touchez pas et contactez le support, avec"
                " l'archive que réunit « ospi-supervisor diagnostics FICHIER.zip »"
            ) from error
        if isinstance(error, OperationalError | sqlite3.OperationalError):
            raise StateError(
                f"la base {path} ne peut pas être lue ({_first(error)}) ; vérifiez ses droits et son disque"
            ) from error
        raise


def _first(error: BaseException) -> BaseException:
    """What began it: a full disk ends the transaction, and its rollback then fails in its turn."""
    while isinstance(error.__context__, DatabaseError | sqlite3.DatabaseError):
        error = error.__context__
    return error


def _make(path: Path, models: tuple[type[Any], ...], mode: int) -> None:
    """Make the database under another name first: a reader finds it complete or not at all."""
    path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.new")
    unfinished.unlink(missing_ok=True)
    with _sqlite(str(unfinished), {"synchronous": "full"}) as database:
        create_tables(database, models)
    database.close()
    # The companions `-wal` and `-shm` will take over the file's mode.
    unfinished.chmod(mode)
    unfinished.replace(path)
    fsync_dir(path.parent)


def _sqlite(name: str, pragmas: dict[str, Any]) -> SqliteDatabase:
    return SqliteDatabase(
        name,
        pragmas=pragmas,
        timeout=BUSY_TIMEOUT_SECONDS,
        thread_safe=False,
        check_same_thread=False,
        autoconnect=False,
        uri=name.startswith("file:"),
    )


def _escaped(path: Path) -> str:
    return path.as_uri().removeprefix("file://")
