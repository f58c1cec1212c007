"""Phase `cleanup`: old snapshots, releases and the archive go. Undo: none; a failure is a warning."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ospi_supervisor.backup.snapshots import Snapshots
from ospi_supervisor.deployment.installed import InstalledReleases
from ospi_supervisor.deployment.releases import Releases
from ospi_supervisor.domain.events import Level
from ospi_supervisor.domain.plan import checkpoint_id, full_snapshot_id
from ospi_supervisor.domain.words import counted
from ospi_supervisor.errors import SupervisorError, in_words
from ospi_supervisor.phases.base import Facts, PhaseWork, Run
from ospi_supervisor.phases.parts import Parts
from ospi_supervisor.phases.release import manifest_of


@dataclass(frozen=True)
class Cleanup:
    """Keeps the release in use and the one before it, the snapshots of this update, and the releases that the
    snapshots which are left belong to: without its release a snapshot cannot be restored."""

    releases: Releases
    installed: InstalledReleases
    snapshots: Snapshots
    forget_archive: Callable[[Run], None]

    def do(self, run: Run) -> Facts:
        """What was removed. Each thing that cannot be removed is a warning, and keeps no other from it."""
        removed: list[str] = []
        pruned: list[str] = []
        with _warned(run):
            self._settle(run)
        with _warned(run):
            pruned += self.snapshots.prune({full_snapshot_id(run.request.id), checkpoint_id(run.request.id)})
        with _warned(run):
            for version in self._old_releases(run):
                with _warned(run):
                    self.installed.remove(version)
                    removed.append(version)
        with _warned(run):
            self.forget_archive(run)
        if removed or pruned:
            run.journal(Level.INFO, _cleaned(len(removed), len(pruned)))
        return {"releases": removed, "snapshots": pruned}

    def undo(self, run: Run) -> None:
        """There is none."""

    def _settle(self, run: Run) -> None:
        """The checkpoint becomes a backup like any other; what cannot become one goes, with its copies."""
        name = checkpoint_id(run.request.id)
        if not any(snapshot.id == name for snapshot in self.snapshots.list()):
            return
        try:
            self.snapshots.settle(name, progress=lambda percent: run.progress(percent))
        except (SupervisorError, OSError):
            self.snapshots.drop_unless_settled(name)
            raise

    def _old_releases(self, run: Run) -> list[str]:
        """Only those that were recorded: another folder in `releases` is somebody's, and stays."""
        restorable = {snapshot.release for snapshot in self.snapshots.list()}
        keep = {manifest_of(run).version, run.request.from_version, self.releases.current()} | restorable
        return [version for version in self.installed.recorded() if version not in keep]


def make(parts: Parts) -> PhaseWork:
    """The phase, of its parts."""
    return Cleanup(parts.releases, parts.installed, parts.snapshots, parts.forget_archive)


@contextmanager
def _warned(run: Run) -> Iterator[None]:
    """A failure as a warning."""
    try:
        yield
    except (SupervisorError, OSError) as error:
        run.journal(Level.WARNING, f"Le nettoyage est incomplet : {in_words(error)}.")


def _cleaned(releases: int, snapshots: int) -> str:
    old_releases = counted(releases, "version ancienne", "versions anciennes")
    return f"Nettoyage : {old_releases} et {counted(snapshots, 'sauvegarde ancienne', 'sauvegardes anciennes')}."
