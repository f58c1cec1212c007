"""Phase `start`: the services that ran before run on the new release. Undo: stop them."""

from dataclasses import dataclass

from ospi_supervisor.archive.tree import altered
from ospi_supervisor.deployment.installed import InstalledReleases
from ospi_supervisor.domain.lifecycle import Phase
from ospi_supervisor.errors import PlatformError
from ospi_supervisor.phases.base import Facts, PhaseWork, Run
from ospi_supervisor.phases.parts import Parts
from ospi_supervisor.phases.release import SEALED, manifest_of
from ospi_supervisor.phases.stop import start_what_ran
from ospi_supervisor.platform.services import Services


@dataclass(frozen=True)
class Start:
    """Starts the services, after one more look at the release's files where others than root could have written to them
    since `stage` looked: hooks may not."""

    services: Services
    installed: InstalledReleases

    def do(self, run: Run) -> Facts:
        """PlatformError naming the service that does not start, or a file of the release that was altered."""
        if not run.facts(Phase.STAGE).get(SEALED):
            self._check_files(run)
        start_what_ran(self.services, run, but_late=run.request.validates)
        return {}

    def _check_files(self, run: Run) -> None:
        """Each of them: costs users what the release weighs, and is for releases that hooks can write to."""
        manifest = manifest_of(run)
        tree = self.installed.tree(manifest.version)
        if tree is None:
            raise PlatformError(f"le relevé de la version {manifest.version} manque ; contactez le support")
        wrong = altered(tree, manifest.writable, run.check)
        if wrong:
            raise PlatformError(
                f"des fichiers de la version {manifest.version} ont été modifiés depuis leur installation, dont"
                f" {wrong[0]!r} ; contactez le support"
            )

    def undo(self, run: Run) -> None:
        """PlatformError naming the service that does not stop."""
        self.services.stop()


def make(parts: Parts) -> PhaseWork:
    """The phase, of its parts."""
    return Start(parts.services, parts.installed)
