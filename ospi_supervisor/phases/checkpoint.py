"""Phase `checkpoint`: the exact state of the data at stop, as an increment of `backup`. Undo: it goes."""

from dataclasses import dataclass

from ospi_supervisor.backup.snapshots import Snapshots
from ospi_supervisor.domain.events import Level
from ospi_supervisor.domain.lifecycle import Phase
from ospi_supervisor.domain.plan import checkpoint_id, full_snapshot_id
from ospi_supervisor.errors import BackupError
from ospi_supervisor.phases.backup import UNLOADABLE
from ospi_supervisor.phases.base import Facts, PhaseWork, Run
from ospi_supervisor.phases.parts import Parts
from ospi_supervisor.platform.machine import boot_id


@dataclass(frozen=True)
class Checkpoint:
    """Takes what changed since `backup`; undo of `migrate` restores exactly this."""

    snapshots: Snapshots

    def do(self, run: Run) -> Facts:
        """The increment's name and size, and the machine's boot that it belongs to. BackupError, nothing being changed,
        where a database could come back from nothing."""
        name = checkpoint_id(run.request.id)
        self.snapshots.drop(name)
        run.remember(began=True)
        snapshot = self.snapshots.take_increment(
            full_snapshot_id(run.request.id),
            name,
            run.request.from_version,
            progress=lambda percent: run.progress(percent),
            check=run.check,
        )
        for base, why in snapshot.dumped_for_want_of_a_copy.items():
            if base in run.facts(Phase.BACKUP).get(UNLOADABLE, ()):
                raise BackupError(
                    f"base « {base} » : {why}, et sa sauvegarde ne se recharge pas ; rien ne la ramènerait"
                )
            run.journal(Level.WARNING, f"Base « {base} » : {why} ; elle a été exportée, et c'est ce qui la ramènerait.")
        return {"snapshot": name, "size": snapshot.size, "boot": boot_id()}

    def undo(self, run: Run) -> None:
        """The data are what it holds, or never ceased to be. What stands for it in databases' servers goes with it.

        A lasting backup it would only be once settled.
        """
        if run.facts(Phase.CHECKPOINT).get("began"):
            self.snapshots.drop_unless_settled(checkpoint_id(run.request.id))


def make(parts: Parts) -> PhaseWork:
    """The phase, of its parts."""
    return Checkpoint(parts.snapshots)
