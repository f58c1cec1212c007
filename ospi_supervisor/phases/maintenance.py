"""Phase 5, `maintenance`: users see the maintenance page from here on. Undo: they see the platform again."""

from dataclasses import dataclass

from ospi_supervisor.phases.base import Facts, Level, Run
from ospi_supervisor.platform.switch import MaintenanceSwitch


@dataclass(frozen=True)
class Maintenance:
    """Swaps the page in, then looks through the public address as a user would."""

    switch: MaintenanceSwitch

    def do(self, run: Run) -> Facts:
        """PlatformError where the page is not what users get."""
        self.switch.prepare()
        self.switch.on()
        self.switch.confirm(True)
        run.journal(Level.INFO, "La page de maintenance est en place.")
        return {}

    def undo(self, run: Run) -> None:
        """PlatformError where users still get the page."""
        self.switch.off()
        self.switch.confirm(False)
