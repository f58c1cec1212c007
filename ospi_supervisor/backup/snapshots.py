"""The snapshots of the platform's data: take, prove, restore, export, prune."""

import os
import re
import shutil
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from pathlib import Path

from ospi_supervisor.backup import inventory, quarantines, reasons
from ospi_supervisor.backup.databases import Database
from ospi_supervisor.backup.export import write_export
from ospi_supervisor.backup.inventory import DatabaseDump, Snapshot
from ospi_supervisor.backup.meter import Meter, nothing
from ospi_supervisor.backup.pruning import SAFETY_PREFIX, superseded
from ospi_supervisor.backup.reasons import in_words, shown
from ospi_supervisor.backup.restore import RestoreReport
from ospi_supervisor.backup.settling import is_settled, settle
from ospi_supervisor.backup.take import Source, outermost, take
from ospi_supervisor.backup.ways import forget_copies, unloadable, without_copy
from ospi_supervisor.backup.whole_restore import WholeRestore
from ospi_supervisor.domain.plan import DataWeight
from ospi_supervisor.errors import BackupError, NewerFormatError
from ospi_supervisor.system.files import fsync_dir

FREE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
OWN_ID = re.compile(rf"(update-\d+-(full|checkpoint)|manuelle-[\d-]+|{SAFETY_PREFIX}[\d-]+)")
"""The names that this program gives. What else lies in the folder of snapshots is somebody's, and stays."""


class Snapshots:
    """The folder of snapshots `directory`, one folder each; one without its inventory does not count.
    `keep` full snapshots are kept by `prune`. Nobody else may write to `directory`: it belongs to the worker.
    Links that lead to the data are followed each time: what they lead to may be moved while this program runs.
    """

    def __init__(self, directory: Path, data_dirs: Sequence[Path], databases: Sequence[Database], keep: int) -> None:
        self._directory = directory
        self._data_dirs = data_dirs
        self._databases = databases
        self._keep = keep

    def estimate(self, check: Callable[[], None] = nothing) -> DataWeight:
        """How many bytes a full snapshot may take: what the data weigh. `check` and BackupError as in `take_full`."""
        return self._source().weight(check)

    def unsaved(self, check: Callable[[], None] = nothing) -> str | None:
        """A sentence that names the links by which data lie outside all that is saved; None where there are none.

        `check` and BackupError as in `take_full`.
        """
        links = self._source().links_outside(check)
        return reasons.unsaved(links) if links else None

    def irreplaceable(self, check: Callable[[], None] = nothing) -> str | None:
        """A sentence that names what no restore could bring back, since nobody can change it; None where nothing is so.

        `check` and BackupError as in `take_full`.
        """
        found = self._source().sealed(reasons.NAMED, check)
        return reasons.irreplaceable(found) if found else None

    def take_full(
        self, snapshot_id: str, release: str, *, progress: Callable[[float], None], check: Callable[[], None]
    ) -> Snapshot:
        """A snapshot of everything, taken at low priority while the platform works, and read back before it counts.

        `progress` receives percents; `check` is called several times a second and may raise to stop: then, as after
        a BackupError, nothing is left behind.
        """
        return self._take(snapshot_id, release, None, Meter(progress, check))

    def take_increment(
        self,
        base_id: str,
        snapshot_id: str,
        release: str,
        *,
        progress: Callable[[float], None],
        check: Callable[[], None],
    ) -> Snapshot:
        """What differs from the full snapshot `base_id`, the databases dumped anew: together they are the exact state.

        Exact if nobody writes meanwhile. Otherwise as `take_full`, at normal priority: users are waiting.
        """
        base = inventory.load(self._folder(base_id))
        if base.base is not None:
            raise BackupError(f"la sauvegarde {base_id} n'est pas complète : une autre ne peut pas s'appuyer sur elle")
        return self._take(snapshot_id, release, base_id, Meter(progress, check))

    def verify(self, snapshot_id: str, progress: Callable[[float], None] = lambda _: None) -> Sequence[str]:
        """What is wrong with a snapshot and the one it completes, in words; `progress` receives percents."""
        meter = Meter(progress, nothing)
        try:
            links = self._chain(snapshot_id)
            meter.stage(0, 100, sum(link.size for link in links))
            found = [text for link in links for text in inventory.problems(self._folder(link.id), link, meter.advance)]
            return found + [
                text
                for database, dump in self._databases_of(links[-1])
                if (not dump.path and (text := database.lacks(dump.facts)))
            ]
        except BackupError as error:
            return [str(error)]

    def unloadable(self, snapshot_id: str, check: Callable[[], None]) -> dict[str, str]:
        """The databases of a snapshot whose dump, rows and all, does not load, and why, in words: each is tried out.

        `check` as in `take_full`.
        """
        folder = self._folder(snapshot_id)
        return unloadable(folder, self._databases_of(inventory.load(folder)), check)

    def without_copy(self, check: Callable[[], None]) -> dict[str, str]:
        """The databases that the checkpoint will have to dump, and why, in words. BackupError: one cannot be asked."""
        return without_copy(self._databases, check)

    def check_same_places(self, snapshot: Snapshot) -> None:
        """BackupError where the configuration leads elsewhere than to the folders and databases of `snapshot`.

        They would come back where nobody reads them; and a link put there since would have root write anywhere.
        """
        present = outermost(self._data_dirs)
        for folder in snapshot.data_dirs:
            if not any(Path(folder).is_relative_to(place) for place in present):
                raise BackupError(
                    f"la sauvegarde {snapshot.id} est celle du dossier {folder}, et « platform.data_dirs » mène"
                    f" ailleurs ; faites de nouveau de {folder} le dossier de données, puis recommencez"
                )
        for database, dump in self._databases_of(snapshot):
            database.check_same(dump.facts)

    def restore(
        self, snapshot_id: str, *, progress: Callable[[float], None], trust_times: bool = False
    ) -> RestoreReport:
        """Bring folders and databases back to the snapshot. Nobody may use them meanwhile.

        With `trust_times`, which takes that the machine has been up since the snapshot, files that bear the times
        that they had then are left as they are; else every file is written anew. What is not needed is not read.

        All goes back where it came from. What the snapshot does not have is set aside. Killed at any moment, it can be
        called again and ends the same. BackupError, before anything is touched, where the snapshot is damaged or the
        configuration leads elsewhere; or where something could not be restored.
        """
        meter = Meter(progress, nothing)
        with in_words(f"la sauvegarde {snapshot_id} n'a pas pu être restaurée"):
            links = self._chain(snapshot_id)
            self.check_same_places(links[-1])
            report = WholeRestore(
                links,
                [self._folder(link.id) for link in links],
                self._databases_of(links[-1]),
                self._left_out_of(links[-1]),
                meter,
                trust_times,
            ).run()
        with suppress(OSError, NewerFormatError):  # a help for later: the report names them too
            quarantines.note(self._directory, snapshot_id, report)
        meter.finish()
        return report

    def settle(self, snapshot_id: str, *, progress: Callable[[float], None]) -> None:
        """Make a lasting backup of an increment, at low priority, and drop what stood for it in databases' servers.

        Killed at any moment, it can be called again. BackupError where that fails: the increment is as it was.
        """
        meter = Meter(progress, nothing)
        with in_words(f"la sauvegarde {snapshot_id} n'a pas pu être achevée"):
            snapshot = inventory.load(self._folder(snapshot_id))
            settle(self._folder(snapshot_id), self._databases_of(snapshot), meter)
        self.forget_copies()
        meter.finish()

    def drop_unless_settled(self, snapshot_id: str) -> None:
        """Remove an increment that is no lasting backup, and what stands for it in databases' servers."""
        self.forget_copies()
        if not any(snapshot.id == snapshot_id and is_settled(snapshot) for snapshot in self.list()):
            self.drop(snapshot_id)

    def forget_copies(self) -> None:
        """Remove from the databases' servers what an increment left there. BackupError, once all is tried."""
        forget_copies(self._databases)

    def export(self, snapshot_id: str, file: Path) -> None:
        """Write `file`, one tar that standard tools read: the folders' exact state and the databases' dumps.

        BackupError where the snapshot is damaged or `file` exists; then nothing is left.
        """
        if found := self.verify(snapshot_id):
            raise BackupError(f"la sauvegarde {snapshot_id} ne peut pas être exportée : {found[0]}")
        with in_words(f"{file} n'a pas pu être écrit"):
            write_export([self._folder(link.id) for link in self._chain(snapshot_id)], file)

    def list(self) -> Sequence[Snapshot]:
        """The complete snapshots, oldest first."""
        found = []
        for name in self._names():
            with suppress(BackupError):  # `unusable` names these
                found.append(inventory.load(self._directory / name))
        return sorted(found, key=lambda snapshot: snapshot.taken_at)

    def unusable(self) -> Sequence[str]:
        """The names of the folders that are no complete snapshot: interrupted attempts, or damaged inventories."""
        return sorted(set(self._names()) - {snapshot.id for snapshot in self.list()})

    def drop(self, snapshot_id: str) -> None:
        """Remove a snapshot or what an interrupted attempt left of it; nothing where there is none.

        BackupError where an increment still needs it.
        """
        if dependent := [snapshot.id for snapshot in self.list() if snapshot.base == snapshot_id]:
            raise BackupError(f"la sauvegarde {snapshot_id} est gardée : {dependent[0]} s'appuie sur elle")
        folder = self._folder(snapshot_id)
        if folder.is_dir():
            with in_words(f"la sauvegarde {snapshot_id} n'a pas pu être supprimée"):
                (folder / inventory.FILE).unlink(missing_ok=True)  # first: half removed, it must not count any more
                fsync_dir(folder)
                shutil.rmtree(folder)

    def drop_if_partial(self, snapshot_id: str) -> None:
        """Remove what an interrupted attempt left; a complete snapshot stays."""
        if not (self._folder(snapshot_id) / inventory.FILE).exists():
            self.drop(snapshot_id)

    def prune(self, protect: Collection[str]) -> Sequence[str]:
        """Drop interrupted attempts and all but the newest full snapshots with their increments; say which went.

        Kept besides: those in `protect`, what these complete, and the newest full one that proves to be good. A full
        one in `protect` is one: it was proven when it was taken, minutes ago, and is not read again. BackupError, once
        all is tried, names those that could not be dropped.
        """
        inventory.refuse_newer_among(self._directory / name for name in self._names())
        unfinished = [name for name in self._names() if not (self._directory / name / inventory.FILE).exists()]
        old = superseded(self.list(), self._keep, protect, lambda snapshot_id: not self.verify(snapshot_id))
        dropped = [*(name for name in unfinished if name not in protect), *old]
        problems = []
        for name in dropped:
            try:
                self.drop(name)
            except BackupError as error:
                problems.append(str(error))
        if problems:
            raise BackupError(" ; ".join(problems))
        return dropped

    def _take(self, snapshot_id: str, release: str, base_id: str | None, meter: Meter) -> Snapshot:
        folder = self._folder(snapshot_id)
        if (folder / inventory.FILE).exists():
            raise BackupError(f"la sauvegarde {snapshot_id} existe déjà")
        with in_words(f"la sauvegarde {snapshot_id} n'a pas pu être faite"):
            self.drop(snapshot_id)
            folder.mkdir(mode=0o700, parents=True)
            try:
                snapshot = take(self._source(), folder, release, self._folder(base_id) if base_id else None, meter)
            except BaseException:
                shutil.rmtree(folder)
                raise
            fsync_dir(self._directory)
        meter.finish()
        return snapshot

    def _source(self) -> Source:
        return Source(outermost(self._data_dirs), self._left_out(), self._databases)

    def _left_out(self) -> frozenset[Path]:
        directory = Path(os.path.realpath(self._directory))
        return frozenset({directory}).union(*(database.files() for database in self._databases))

    def _left_out_of(self, snapshot: Snapshot) -> frozenset[Path]:
        """What was left out of the snapshot, and the backups where they lie now: those are never moved.

        A database that was declared later is in the snapshot as files: its companions of today must not stay beside.
        """
        if snapshot.left_out is None:
            return self._left_out()
        directory = Path(os.path.realpath(self._directory))
        return frozenset({directory, *map(Path, snapshot.left_out)})

    def _folder(self, snapshot_id: str) -> Path:
        if not FREE_ID.fullmatch(snapshot_id):
            raise BackupError(f"« {shown(snapshot_id)} » n'est pas un nom de sauvegarde")
        return self._directory / snapshot_id

    def _names(self) -> Sequence[str]:
        if not self._directory.is_dir():
            return []
        folders = (path for path in self._directory.iterdir() if path.is_dir())
        return sorted(path.name for path in folders if OWN_ID.fullmatch(path.name) or (path / inventory.FILE).exists())

    def _chain(self, snapshot_id: str) -> Sequence[Snapshot]:
        """The full snapshot, and the increment upon it where `snapshot_id` is one. BackupError."""
        snapshot = inventory.load(self._folder(snapshot_id))
        return [snapshot] if snapshot.base is None else [inventory.load(self._folder(snapshot.base)), snapshot]

    def _databases_of(self, snapshot: Snapshot) -> Sequence[tuple[Database, DatabaseDump]]:
        """The drivers for the snapshot's dumps; BackupError where one is declared no more."""
        drivers = {database.name: database for database in self._databases}
        if missing := snapshot.databases.keys() - drivers.keys():
            raise BackupError(f"la base « {min(missing)} » n'est plus déclarée dans la configuration : remettez-la")
        return [(drivers[name], dump) for name, dump in snapshot.databases.items()]
