"""Phase `maintenance`: users see the maintenance page from here on. Undo: they see the platform again."""

from dataclasses import dataclass

from ospi_supervisor.domain.events import Level
from ospi_supervisor.domain.lifecycle import Phase
from ospi_supervisor.phases.base import Facts, PhaseWork, Run
from ospi_supervisor.phases.parts import Parts
from ospi_supervisor.platform.maintenance import MaintenanceSwitch


@dataclass(frozen=True)
class Maintenance:
    """Swaps the page in, then looks through the public address as a user would.

    The undo gives the platform `platform_timeout` seconds to answer: after a power cut it may still be starting.
    """

    switch: MaintenanceSwitch
    platform_timeout: float

    def do(self, run: Run) -> Facts:
        """PlatformError where the page is not what users get; before it is asked for, where they do not get the
        platform: a reverse proxy that is dead would show nothing of what follows."""
        self.switch.prepare()
        if not self.switch.is_on():  # somebody may have put it up by hand
            self.switch.confirm(False)
        run.remember(shown=True)
        self.switch.show()
        run.journal(Level.INFO, "La page de maintenance est en place.")
        return {}

    def undo(self, run: Run) -> None:
        """PlatformError where users still do not get the platform: then the page is in place."""
        if not run.facts(Phase.MAINTENANCE).get("shown"):
            self.switch.forget_status()  # written as the phase began
            return
        self.switch.hide(self.platform_timeout)
        run.journal(Level.INFO, "La plateforme est rouverte à ses utilisateurs, sur l'ancienne version.")


def make(parts: Parts) -> PhaseWork:
    """The phase, of its parts."""
    return Maintenance(parts.switch, parts.config.platform.health_timeout)
