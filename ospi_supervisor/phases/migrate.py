"""Phase `migrate`: the release's own hooks change the data. Undo: the checkpoint is restored."""

from dataclasses import dataclass

from ospi_supervisor.backup.snapshots import Snapshots
from ospi_supervisor.domain.events import Level
from ospi_supervisor.domain.lifecycle import Phase
from ospi_supervisor.domain.manifest import HookPhase
from ospi_supervisor.domain.plan import checkpoint_id
from ospi_supervisor.domain.words import counted
from ospi_supervisor.phases.base import Facts, PhaseWork, Run
from ospi_supervisor.phases.hooks import ReleaseHooks
from ospi_supervisor.phases.parts import Parts
from ospi_supervisor.platform.machine import boot_id
from ospi_supervisor.system.mounts import sync_trees


@dataclass(frozen=True)
class Migrate:
    """Runs the migration. From its beginning on the data may differ from the checkpoint."""

    hooks: ReleaseHooks
    snapshots: Snapshots

    def do(self, run: Run) -> Facts:
        """HookError at the first hook that fails; OSError where the disk does not keep what they wrote.

        Hooks need not sync. Past `reopen` nothing is undone: a power cut then must not take half of a migration.
        """
        run.remember(began=True)
        self.hooks.run(run, HookPhase.MIGRATE)
        sync_trees(self.hooks.changed_folders(run))
        return {}

    def undo(self, run: Run) -> None:
        """Restore the data to the byte; BackupError where that is impossible.

        Also where the release brought no hook: its services may have changed data between `start` and here.
        """
        if not run.facts(Phase.MIGRATE).get("began"):
            return
        report = self.snapshots.restore(
            checkpoint_id(run.request.id),
            progress=lambda percent: run.progress(percent),
            trust_times=run.facts(Phase.CHECKPOINT).get("boot") == boot_id(),
        )
        run.journal(Level.INFO, "Les données sont revenues à leur état d'avant la mise à jour.")
        if report.moved:
            run.journal(
                Level.WARNING,
                f"{_arrived(len(report.moved))} dans {report.quarantine}.",
            )


def make(parts: Parts) -> PhaseWork:
    """The phase, of its parts."""
    return Migrate(parts.hooks, parts.snapshots)


def _arrived(files: int) -> str:
    return counted(
        files,
        "fichier arrivé pendant la mise à jour est conservé",
        "fichiers arrivés pendant la mise à jour sont conservés",
    )
