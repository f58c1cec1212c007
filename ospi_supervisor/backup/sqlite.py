"""SQLite databases: dumped by the backup API, restored as a new file that takes the old one's place."""

import base64
import os
import sqlite3
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ospi_supervisor.backup.attributes import attribute_names
from ospi_supervisor.backup.meter import nothing
from ospi_supervisor.backup.words import reason
from ospi_supervisor.errors import BackupError
from ospi_supervisor.files import fsync_dir

COMPANIONS = ("-wal", "-shm", "-journal")
NEW = ".ospi-restauration"
PAGES_A_STEP = 1024
INSTRUCTIONS_A_TICK = 100_000
BUSY_SECONDS = 60.0


class SqliteDatabase:
    """A database in one file, to which `configured` leads, and its companions beside it."""

    def __init__(self, name: str, configured: Path) -> None:
        self.name = name
        self.dump_name = f"{name}.sqlite3"
        self._configured = configured

    @property
    def path(self) -> Path:
        """Where the file lies now: it may be moved, and a link left in its place, while this program runs."""
        return Path(os.path.realpath(self._configured))

    def check(self, tick: Callable[[], None] = nothing) -> None:
        """BackupError where there is no readable SQLite database."""
        with self._errors("ne peut pas être lue"), closing(self._connect()) as connection:
            connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()

    def answers(self) -> bool:
        """There is no server."""
        return True

    def size(self) -> int:
        """The bytes of its file and of its write-ahead log; BackupError where it is missing."""
        with self._errors("est introuvable"):
            log = Path(f"{self.path}-wal")
            return self.path.stat().st_size + (log.stat().st_size if log.exists() else 0)

    def files(self) -> frozenset[Path]:
        """The file, its companions, and what an interrupted restore may leave."""
        path = self.path
        return frozenset(Path(f"{path}{suffix}") for suffix in ("", *COMPANIONS, NEW))

    def dump(self, to: Path, tick: Callable[[], None], *, low_priority: bool) -> dict[str, Any]:
        """One consistent state, taken while others read and write.

        The read transaction keeps that state in sight: without it each writer would make the copy begin again.
        The copy happens in this process, so `low_priority` has nothing to act on.
        """
        with self._errors("ne peut pas être sauvegardée"), closing(self._connect()) as source:
            source.execute("BEGIN")
            source.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            with closing(sqlite3.connect(to, isolation_level=None)) as target:
                target.execute("PRAGMA synchronous = OFF")
                source.backup(target, pages=PAGES_A_STEP, progress=lambda *_: tick())
            source.execute("ROLLBACK")
            return _facts(self.path)

    def prove(self, dump: Path, tick: Callable[[], None], *, thorough: bool) -> None:
        """SQLite's own check of the dump: of its indexes too where `thorough`."""
        pragma = "integrity_check" if thorough else "quick_check"
        with self._errors("a une sauvegarde illisible"):
            uri = f"file:{quote(str(dump))}?mode=ro&immutable=1"
            with closing(sqlite3.connect(uri, uri=True)) as connection, _ticking(connection, tick):
                answer = connection.execute(f"PRAGMA {pragma}(1)").fetchone()[0]
        if answer != "ok":
            raise BackupError(f"la base « {self.name} » est abîmée : {answer} ; réparez-la avant toute mise à jour")

    def check_same(self, facts: Mapping[str, Any]) -> None:
        """BackupError where the configuration leads to another file than the one that was dumped.

        A link in the very place of that file is no other: the file comes back in its stead.
        """
        dumped = Path(facts.get("path", self.path))
        place = Path(os.path.realpath(self._configured.parent), self._configured.name)
        if dumped not in (self.path, place):
            raise BackupError(
                f"base « {self.name} » : cette sauvegarde est celle de {dumped}, et la configuration mène à"
                f" {self.path} ; faites-la mener de nouveau à {dumped}"
            )

    def restore(self, dump: Path, facts: Mapping[str, Any], tick: Callable[[], None]) -> None:
        """Where the file was when it was dumped: write a new one, remove the old companions, rename.

        An old write-ahead log beside the restored file would bring the migrated rows back: it goes first. BackupError
        as in `check_same`.
        """
        self.check_same(facts)
        path = Path(facts.get("path", self.path))
        new = Path(f"{path}{NEW}")
        with self._errors("ne peut pas être restaurée"):
            path.parent.mkdir(parents=True, exist_ok=True)
            new.unlink(missing_ok=True)
            # Others may write in this folder: what they put there must be neither opened nor given away.
            descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
            with os.fdopen(descriptor, "wb") as target, dump.open("rb") as source:
                while piece := source.read(1 << 20):
                    target.write(piece)
                    tick()
                _apply(target.fileno(), facts)
                target.flush()
                os.fsync(target.fileno())
            for suffix in COMPANIONS:
                Path(f"{path}{suffix}").unlink(missing_ok=True)
            fsync_dir(path.parent)
            new.replace(path)
            fsync_dir(path.parent)

    def _connect(self) -> sqlite3.Connection:
        """Never creates the database: one that is missing is an error."""
        uri = f"file:{quote(str(self.path))}?mode=rw"
        return sqlite3.connect(uri, uri=True, isolation_level=None, timeout=BUSY_SECONDS)

    @contextmanager
    def _errors(self, what: str) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise BackupError(f"la base « {self.name} » ({self.path}) {what} : {reason(error)}") from error


@contextmanager
def _ticking(connection: sqlite3.Connection, tick: Callable[[], None]) -> Iterator[None]:
    """Call `tick` while a statement runs; what it raises stops the statement and is raised in its place."""
    raised: list[BaseException] = []

    def handler() -> int:
        try:
            tick()
        except BaseException as error:  # noqa: BLE001 - raised again below: SQLite would swallow it
            raised.append(error)
        return len(raised)

    connection.set_progress_handler(handler, INSTRUCTIONS_A_TICK)
    try:
        yield
    except sqlite3.OperationalError:
        if raised:
            raise raised[0] from None
        raise


def _facts(path: Path) -> dict[str, Any]:
    """The database's file: where it is, its owner, mode and attributes (ACLs are among them)."""
    facts = path.stat()
    attributes = {name: base64.b64encode(os.getxattr(path, name)).decode() for name in attribute_names(path)}
    return {
        "path": str(path),
        "mode": stat.S_IMODE(facts.st_mode),
        "uid": facts.st_uid,
        "gid": facts.st_gid,
        "attributes": attributes,
    }


def _apply(descriptor: int, facts: Mapping[str, Any]) -> None:
    os.fchown(descriptor, facts["uid"], facts["gid"])
    os.fchmod(descriptor, facts["mode"])
    for name, value in facts["attributes"].items():
        os.setxattr(descriptor, name, base64.b64decode(value))
