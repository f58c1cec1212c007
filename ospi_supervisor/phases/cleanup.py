"""Phase 13, `cleanup`: old releases, snapshots and the archive go. Undo: none; a failure is a warning."""

from collections.abc import Callable
from dataclasses import dataclass

from ospi_supervisor.backup.snapshots import Snapshots
from ospi_supervisor.domain.plan import checkpoint_id, full_snapshot_id
from ospi_supervisor.domain.words import counted
from ospi_supervisor.phases.base import Facts, Level, Run
from ospi_supervisor.phases.release import InstalledReleases, manifest_of
from ospi_supervisor.platform.releases import Releases


@dataclass(frozen=True)
class Cleanup:
    """Keeps the release in use and the one before it, and the snapshots of this update."""

    releases: Releases
    installed: InstalledReleases
    snapshots: Snapshots
    forget_archive: Callable[[Run], None]

    def do(self, run: Run) -> Facts:
        """What was removed."""
        removed = self._remove_old_releases(run)
        pruned = self.snapshots.prune({full_snapshot_id(run.request.id), checkpoint_id(run.request.id)})
        self.forget_archive(run)
        if removed or pruned:
            run.journal(Level.INFO, _cleaned(len(removed), len(pruned)))
        return {"releases": removed, "snapshots": pruned}

    def undo(self, run: Run) -> None:
        """There is none."""

    def _remove_old_releases(self, run: Run) -> list[str]:
        keep = {manifest_of(run).version, run.request.from_version, self.releases.current()}
        removed = [version for version in self.releases.versions() if version not in keep]
        for version in removed:
            self.installed.remove(version)
        return removed


def _cleaned(releases: int, snapshots: int) -> str:
    old_releases = counted(releases, "version ancienne", "versions anciennes")
    return f"Nettoyage : {old_releases} et {counted(snapshots, 'sauvegarde ancienne', 'sauvegardes anciennes')}."
