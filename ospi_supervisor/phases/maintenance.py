"""Phase 5, `maintenance`: users see the maintenance page from here on. Undo: they see the platform again."""

from dataclasses import dataclass

from ospi_supervisor.phases.base import Facts, Level, Run
from ospi_supervisor.platform.switch import MaintenanceSwitch


@dataclass(frozen=True)
class Maintenance:
    """Swaps the page in, then looks through the public address as a user would.

    The undo gives the platform `platform_timeout` seconds to answer: after a power cut it may still be starting.
    """

    switch: MaintenanceSwitch
    platform_timeout: float

    def do(self, run: Run) -> Facts:
        """PlatformError where the page is not what users get."""
        self.switch.prepare()
        self.switch.on()
        self.switch.confirm(True)
        run.journal(Level.INFO, "La page de maintenance est en place.")
        return {}

    def undo(self, run: Run) -> None:
        """PlatformError where users still do not get the platform."""
        self.switch.off()
        self.switch.confirm(False, self.platform_timeout)
        run.journal(Level.INFO, "La plateforme est rouverte à ses utilisateurs, sur l'ancienne version.")
