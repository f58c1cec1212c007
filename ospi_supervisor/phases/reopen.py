"""Phase `reopen`: users get the platform back. The engine's entry into it is the point of no return."""

from dataclasses import dataclass

from ospi_supervisor.domain.events import Level
from ospi_supervisor.domain.lifecycle import Phase
from ospi_supervisor.phases.base import Facts, PhaseWork, Run
from ospi_supervisor.phases.parts import Parts
from ospi_supervisor.phases.stop import RUNNING
from ospi_supervisor.platform.maintenance import MaintenanceSwitch
from ospi_supervisor.platform.services import Services


@dataclass(frozen=True)
class Reopen:
    """Swaps the page out, then looks through the public address as a user would."""

    switch: MaintenanceSwitch
    services: Services

    def do(self, run: Run) -> Facts:
        """PlatformError where users still get the page, or a service that was held until now does not start: then the
        page is in place."""
        if run.request.validates:
            self.services.start(run.facts(Phase.STOP).get(RUNNING))
        self.switch.hide()
        run.journal(Level.INFO, "La plateforme est rouverte à ses utilisateurs.")
        return {}

    def undo(self, run: Run) -> None:
        """There is none: the update is committed."""


def make(parts: Parts) -> PhaseWork:
    """The phase, of its parts."""
    return Reopen(parts.switch, parts.services)
