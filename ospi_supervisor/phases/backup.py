"""Phase 4, `backup`: a full snapshot while the platform serves. Undo: drop a partial one, keep a complete one, which
takes the place of an old one."""

from dataclasses import dataclass

from ospi_supervisor.backup.snapshots import Snapshots
from ospi_supervisor.domain.plan import checkpoint_id, full_snapshot_id
from ospi_supervisor.domain.words import size
from ospi_supervisor.phases.base import Facts, Level, Run


@dataclass(frozen=True)
class Backup:
    """Takes the snapshot, which proves itself readable before it counts."""

    snapshots: Snapshots

    def do(self, run: Run) -> Facts:
        """The snapshot's name and size. What links hide from it is told in the journal."""
        name = full_snapshot_id(run.request.id)
        run.remember(snapshot=name)
        self.snapshots.drop(name)
        if words := self.snapshots.unsaved(run.check):
            run.journal(Level.WARNING, words)
        snapshot = self.snapshots.take_full(
            name, run.request.from_version, progress=lambda percent: run.progress(percent), check=run.check
        )
        run.journal(Level.INFO, f"Données sauvegardées et relues : {size(snapshot.size)}.")
        return {"snapshot": name, "size": snapshot.size}

    def undo(self, run: Run) -> None:
        """A complete snapshot stays: it is a good backup, whatever became of the update.

        Old ones go as after a success: where no night is long enough, each night brings one more.
        """
        name = full_snapshot_id(run.request.id)
        self.snapshots.drop_if_partial(name)
        if any(snapshot.id == name for snapshot in self.snapshots.list()):
            self.snapshots.prune({name, checkpoint_id(run.request.id)})
