"""Phase 12, `reopen`: users get the platform back. The engine's entry into it is the point of no return."""

from dataclasses import dataclass

from ospi_supervisor.phases.base import Facts, Level, Run
from ospi_supervisor.platform.switch import MaintenanceSwitch


@dataclass(frozen=True)
class Reopen:
    """Swaps the page out, then looks through the public address as a user would."""

    switch: MaintenanceSwitch

    def do(self, run: Run) -> Facts:
        """PlatformError where users still get the page."""
        self.switch.off()
        self.switch.confirm(False)
        run.journal(Level.INFO, "La plateforme est rouverte à ses utilisateurs.")
        return {}

    def undo(self, run: Run) -> None:
        """There is none: the update is committed."""
