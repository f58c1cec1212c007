"""One restore of a whole snapshot: what it needs is planned and proven, and nothing else; then it is brought back."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ospi_supervisor.backup import inventory
from ospi_supervisor.backup.databases import Database
from ospi_supervisor.backup.inventory import LISTING, DatabaseDump, Snapshot
from ospi_supervisor.backup.meter import Meter
from ospi_supervisor.backup.restore import FilesRestore, RestoreReport, quarantine_name
from ospi_supervisor.errors import BackupError
from ospi_supervisor.hands.folder import FolderHands


@dataclass(frozen=True)
class WholeRestore:
    """A restore of the last of `links`, whose folders are `folders`; `databases` are all those that it holds.

    `left_out` and `trust_times` as in `FilesRestore`: where times can be trusted, a database that is as it was is left
    as it is, and a file of the snapshot that is still the one that was seen when it was taken is not read again.
    """

    links: Sequence[Snapshot]
    folders: Sequence[Path]
    databases: Sequence[tuple[Database, DatabaseDump]]
    left_out: frozenset[Path]
    meter: Meter
    trust_times: bool

    def run(self) -> RestoreReport:
        """Everything is as it was. BackupError, before anything is touched, where something needed is damaged."""
        with FolderHands() as hands:
            for folder in filter(Path.is_dir, map(Path, self.links[-1].data_dirs)):
                hands.of(folder)  # it starts while the snapshot is proven
            return self._run(hands)

    def _run(self, hands: FolderHands) -> RestoreReport:
        snapshot = self.links[-1]
        self._prove({folder / LISTING for folder in self.folders})
        files = FilesRestore(
            hands,
            self.folders,
            [Path(folder) for folder in snapshot.data_dirs],
            self.left_out,
            snapshot.taken_at,
            self.meter,
            trust_times=self.trust_times,
        )
        changed = [
            (database, dump)
            for database, dump in self.databases
            if not (self.trust_times and database.is_as(dump.facts))
        ]
        self._prove({*files.plan(), *(self.folders[-1] / dump.path for _, dump in changed if dump.path)})
        self._prove_unread(changed)
        weights = [self._weight(database, dump) for database, dump in changed]
        files_end = 20 + 79 * files.weight() / max(1, files.weight() + sum(weights))
        self.meter.stage(20, files_end, files.weight())
        files.bring_back()
        self.meter.stage(files_end, 99, sum(weights))
        moved: list[Path] = []
        for (database, dump), weight in zip(changed, weights, strict=True):
            moved += self._bring_back(database, dump, weight)
            self.meter.advance(weight)
        return files.settle(moved)

    def _prove(self, places: set[Path]) -> None:
        """BackupError where a file of the snapshot that is, or lies in, one of `places` is not as recorded."""
        self.meter.stage(0, 20, sum(link.size for link in self.links))
        for link, folder in zip(self.links, self.folders, strict=True):
            wanted = {name for name in link.parts if places & {folder / name, *(folder / name).parents}}
            found = inventory.problems(
                folder, link, self.meter.advance, only=wanted.__contains__, trust_times=self.trust_times
            )
            if found:
                raise BackupError(f"la sauvegarde {self.links[-1].id} est refusée, rien n'a été touché : {found[0]}")

    def _prove_unread(self, changed: Sequence[tuple[Database, DatabaseDump]]) -> None:
        """What was not read when it was made says by itself whether the disk kept it."""
        unread = {name for name, part in self.links[-1].parts.items() if not part.sha256}
        for database, dump in changed:
            if dump.path in unread and not self.trust_times:
                database.prove(self.folders[-1] / dump.path, self.meter.tick, thorough=False)

    def _weight(self, database: Database, dump: DatabaseDump) -> int:
        """What it brings back, in bytes; a copy that its server has is there at once."""
        return database.dumped(self.folders[-1] / dump.path) if dump.path else 0

    def _bring_back(self, database: Database, dump: DatabaseDump, weight: int) -> list[Path]:
        aside = quarantine_name(self.links[-1].taken_at)
        tick = self.meter.watching(lambda: min(weight, database.restored(dump.facts))) if weight else self.meter.tick
        return database.restore(self.folders[-1] / dump.path, dump.facts, tick, aside)
