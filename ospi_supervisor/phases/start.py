"""Phase 10, `start`: the services that ran before run on the new release. Undo: stop them."""

from dataclasses import dataclass

from ospi_supervisor.archive.tree import altered
from ospi_supervisor.errors import PlatformError
from ospi_supervisor.phases.base import Facts, Run
from ospi_supervisor.phases.release import InstalledReleases, manifest_of
from ospi_supervisor.phases.stop import start_what_ran
from ospi_supervisor.platform.services import Services


@dataclass(frozen=True)
class Start:
    """Starts the services, after one more look at the release's files: hooks may not have written to them."""

    services: Services
    installed: InstalledReleases

    def do(self, run: Run) -> Facts:
        """PlatformError naming the service that does not start, or a file of the release that was altered."""
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
        start_what_ran(self.services, run)
        return {}

    def undo(self, run: Run) -> None:
        """PlatformError naming the service that does not stop."""
        self.services.stop()
