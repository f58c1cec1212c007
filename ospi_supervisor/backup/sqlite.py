"""SQLite databases: dumped by the backup API, restored as a new file that takes the old one's place."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ospi_supervisor.backup.inventory import Facts, bytes_in
from ospi_supervisor.backup.listing import COARSEST_CLOCK_NS
from ospi_supervisor.backup.meter import nothing
from ospi_supervisor.backup.reasons import reason
from ospi_supervisor.config.tables import DatabaseTable
from ospi_supervisor.errors import BackupError
from ospi_supervisor.hands.accounts import account_named, owner_of
from ospi_supervisor.hands.conversation import HandRefusedError
from ospi_supervisor.hands.database import DatabaseHand, damage
from ospi_supervisor.hands.descent import make_folder
from ospi_supervisor.hands.folder import QUARANTINE_PREFIX, folder_hand
from ospi_supervisor.system.mounts import mount_points

COMPANIONS = ("-wal", "-shm", "-journal")
LOGS = ("-wal", "-journal")
NEW = ".ospi-restauration"


ADDRESS = "sqlite:///CHEMIN/ABSOLU"


class SqliteDatabase:
    """A database in one file, to which `configured` leads, and its companions beside it.

    `account` owns the file, and SQLite is only ever run as that account; None for the one that owns its folder.
    """

    def __init__(self, name: str, configured: Path, account: str | None = None) -> None:
        self.name = name
        self.dump_name = f"{name}.sqlite3"
        self.tools: tuple[str, ...] = ()
        self.counts_rows = False
        self._configured = configured
        self._account = account

    @property
    def path(self) -> Path:
        """Where the file lies now: it may be moved, and a link left in its place, while this program runs."""
        return Path(os.path.realpath(self._configured))

    def check(self, tick: Callable[[], None] = nothing) -> None:
        """BackupError where there is no readable SQLite database, or it is not its account's."""
        with self._errors("ne peut pas être lue"):
            self._hand().check(tick)

    def answers(self) -> bool:
        """There is no server."""
        return True

    def size(self) -> int:
        """The bytes of its file and of its write-ahead log; BackupError where it is missing."""
        with self._errors("est introuvable"):
            log = Path(f"{self.path}-wal")
            return self.path.stat().st_size + (log.stat().st_size if log.exists() else 0)

    def mark(self) -> int:
        """When its file, or its write-ahead log, was last written to."""
        with self._errors("est introuvable"):
            log = Path(f"{self.path}-wal")
            facts = [self.path.stat(), *([log.stat()] if log.exists() else [])]
            return max(found.st_mtime_ns for found in facts if found.st_size)

    def dumped(self, to: Path) -> int:
        """Those of the dump: it is the same file."""
        return bytes_in(to)

    def restored(self, facts: Facts) -> int:
        """Those of the new file."""
        return bytes_in(Path(f"{facts.get('path', self.path)}{NEW}"))

    def files(self) -> frozenset[Path]:
        """The file, its companions, and what an interrupted restore may leave."""
        path = self.path
        return frozenset(Path(f"{path}{suffix}") for suffix in ("", *COMPANIONS, NEW))

    def dump(self, to: Path, tick: Callable[[], None], *, low_priority: bool) -> Facts:
        """One consistent state, taken while others read and write.

        A hand of the account that owns the file takes it, of which `low_priority` says nothing.
        """
        with self._errors("ne peut pas être sauvegardée"):
            identity = self._settled_identity()
            return {**self._hand().dump(to, self.size(), tick), "identity": identity}

    def load(self, dump: Path, tick: Callable[[], None]) -> None:
        """The dump is the database: proven, it loads."""

    def way_back(self, tick: Callable[[], None]) -> str | None:
        """Its file alone is needed."""
        return None

    def keep(self, to: Path, tick: Callable[[], None]) -> Facts:
        """The same of a database that nobody uses any more: its file, of the same blocks where the file system can.

        Where a log holds a part of it, or somebody writes all the same, it is dumped.
        """
        with self._errors("ne peut pas être sauvegardée"):
            identity, before = self._settled_identity(), _identity(self.path)
            if before == before[:1]:
                facts = self._hand().copy(to, self.size(), tick)
                if _identity(self.path) == before:
                    return {**facts, "identity": identity}
                to.unlink()
        return self.dump(to, tick, low_priority=False)

    def settle(self, facts: Facts, to: Path, tick: Callable[[], None]) -> Facts:
        """There is no server, so nothing to be done."""
        return dict(facts)

    def forget(self, tick: Callable[[], None]) -> None:
        """There is no server."""

    def lacks(self, facts: Facts) -> str | None:
        """Nothing: there is no server."""
        return None

    def is_as(self, facts: Facts) -> bool:
        """Whether it is certainly as it was when `dump` or `keep` gave these facts.

        A write-ahead log that is gone since is no change: where it held what the file did not, the file has changed.
        """
        then = facts.get("identity") or [None]
        try:
            now = _identity(self.path)
        except OSError:
            return False
        return now[0] == then[0] and all(log in then for log in now[1:])

    def prove(self, dump: Path, tick: Callable[[], None], *, thorough: bool) -> None:
        """SQLite's own check of the dump: of its indexes too where `thorough`."""
        with self._errors("a une sauvegarde illisible"):
            found = damage(dump, tick, thorough=thorough)
        if found is not None:
            raise BackupError(f"la base « {self.name} » est abîmée : {found} ; réparez-la avant toute mise à jour")

    def check_same(self, facts: Facts) -> None:
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

    def restore(
        self,
        dump: Path,
        facts: Facts,
        tick: Callable[[], None],
        aside: str = f"{QUARANTINE_PREFIX}base",
    ) -> list[Path]:
        """Where the file was when it was dumped: write a new one, remove the old companions, rename.

        An old write-ahead log beside the restored file would bring the migrated rows back: it goes first. What is no
        file and stands in a file's place is set aside, in a folder called `aside` beside it; the files in it are
        returned. BackupError as in `check_same`.
        """
        self.check_same(facts)
        path = Path(facts.get("path", self.path))
        with self._errors("ne peut pas être restaurée"):
            above = [place for place in path.parents if os.path.lexists(place) and not place.is_dir()]
            moved = _set_aside(above, aside, tick)
            make_folder(path.parent)
            new, companions = Path(f"{path}{NEW}"), [Path(f"{path}{suffix}") for suffix in COMPANIONS]
            folders = [place for place in (path, new, *companions) if place.is_dir() and not place.is_symlink()]
            moved += _set_aside(folders, aside, tick)
            with dump.open("rb") as source, folder_hand(path.parent, lent=source.fileno()) as hand:
                hand.replace_database(path, new, companions, facts, dump, tick)
        return moved

    def _settled_identity(self) -> list[list[Any]] | None:
        """What tells whether the database changes from now on; None if it has just changed: another change could bear
        the same times."""
        newest = time.time_ns() - COARSEST_CLOCK_NS
        identity = _identity(self.path)
        return None if any(max(times) >= newest for _, _, _, *times in identity) else identity

    def _hand(self) -> DatabaseHand:
        """Of the account that the configuration names, else of the one that owns the folder which it names."""
        account = account_named(self._account) if self._account else owner_of(self._configured.parent)
        return DatabaseHand(self.path, account)

    @contextmanager
    def _errors(self, what: str) -> Iterator[None]:
        try:
            yield
        except (HandRefusedError, OSError) as error:
            raise BackupError(f"la base « {self.name} » ({self.path}) {what} : {reason(error)}") from error


def of_table(table: DatabaseTable, account: str | None) -> SqliteDatabase | None:
    """The driver of a configured SQLite database; `account` owns its file where the configuration names no other."""
    return (
        None if table.sqlite_file is None else SqliteDatabase(table.name, table.sqlite_file, table.account or account)
    )


def _identity(path: Path) -> list[list[Any]]:
    """What tells whether the database is still the same: its file, then the logs that hold a part of it."""
    places = {suffix: Path(f"{path}{suffix}") for suffix in LOGS}
    facts = {"": path.lstat()} | {suffix: place.lstat() for suffix, place in places.items() if os.path.lexists(place)}
    return [
        [suffix, item.st_ino, item.st_size, item.st_mtime_ns, item.st_ctime_ns]
        for suffix, item in facts.items()
        if item.st_size or not suffix
    ]


def _set_aside(places: Sequence[Path], aside: str, tick: Callable[[], None]) -> list[Path]:
    """Move `places`, all in one folder, into its quarantine; the files in it then."""
    if not places:
        return []
    with folder_hand(places[0].parent) as hand:
        hand.set_aside([os.fspath(place) for place in places], aside, mount_points(), tick)
        return hand.quarantined(aside, [os.fspath(places[0].parent)], tick)[1]
