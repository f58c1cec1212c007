"""Phase 7, `checkpoint`: the exact state of the data at stop, as an increment of `backup`. Undo: nothing."""

from dataclasses import dataclass

from ospi_supervisor.backup.snapshots import Snapshots
from ospi_supervisor.domain.plan import checkpoint_id, full_snapshot_id
from ospi_supervisor.phases.base import Facts, Run
from ospi_supervisor.platform.machine import boot_id


@dataclass(frozen=True)
class Checkpoint:
    """Takes what changed since `backup`; undo of `migrate` restores exactly this."""

    snapshots: Snapshots

    def do(self, run: Run) -> Facts:
        """The increment's name and size, and the machine's boot that it belongs to."""
        name = checkpoint_id(run.request.id)
        self.snapshots.drop(name)
        snapshot = self.snapshots.take_increment(
            full_snapshot_id(run.request.id),
            name,
            run.request.from_version,
            progress=lambda percent: run.progress(percent),
            check=run.check,
        )
        return {"snapshot": name, "size": snapshot.size, "boot": boot_id()}

    def undo(self, run: Run) -> None:
        """A complete increment stays with its full snapshot; a partial one is dropped."""
        self.snapshots.drop_if_partial(checkpoint_id(run.request.id))
