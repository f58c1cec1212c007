"""Phase `stop`: services are stopped, and held stopped across a reboot. Undo: the old release is healthy again.

Which services ran is remembered first: those, and no other, are started again, whichever way the update goes.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from ospi_supervisor.domain.events import Level
from ospi_supervisor.domain.lifecycle import Phase
from ospi_supervisor.phases.base import Facts, PhaseWork, Run
from ospi_supervisor.phases.parts import Parts
from ospi_supervisor.platform.health import Health
from ospi_supervisor.platform.machine import boot_id
from ospi_supervisor.platform.services import Services

RUNNING = "running"
"""The fact, of this phase and of `prerequisites`, that names the services which ran."""


@dataclass(frozen=True)
class Stop:
    """Stops the services for as long as data and release change."""

    services: Services
    health: Health
    health_timeout: float

    def do(self, run: Run) -> Facts:
        """PlatformError naming the service that does not stop, or saying that the platform answers all the same.

        Done again, it keeps what it remembered first: by then the services are stopped.
        """
        running = None
        if RUNNING not in run.facts(Phase.STOP):
            running = self.services.running()
            run.remember(**{RUNNING: self._which_ran(run, running)})
        self.services.stop(running)
        self.health.wait_for_silence()
        return {}

    def _which_ran(self, run: Run, now: Mapping[str, bool]) -> list[str]:
        """The services that run; and those that ran in `prerequisites`, where the platform has not come back from a
        boot, or died since."""
        running = dict(now)
        before = run.facts(Phase.PREREQUISITES)
        same_boot = before.get("boot", boot_id()) == boot_id()
        if not (same_boot and self.health.check(run.request.from_version).ok):
            running |= dict.fromkeys(before.get(RUNNING, ()), True)
        return [name for name, runs in running.items() if runs]

    def undo(self, run: Run) -> None:
        """PlatformError where the old release does not come back: the engine then keeps the page up."""
        if RUNNING in run.facts(Phase.STOP) or self.services.is_held():  # else nothing was stopped yet
            start_what_ran(self.services, run)
        self.health.wait(run.request.from_version, self.health_timeout, run.check)


def make(parts: Parts) -> PhaseWork:
    """The phase, of its parts."""
    return Stop(parts.services, parts.health, parts.config.platform.health_timeout)


def start_what_ran(services: Services, run: Run, *, but_late: bool = False) -> None:
    """Start the services that ran before the update, all where that was not remembered; see `Services.start`."""
    running = run.facts(Phase.STOP).get(RUNNING)
    if left_out := services.left_out(running):
        run.journal(
            Level.WARNING,
            f"Services laissés à l'arrêt, comme avant la mise à jour : {', '.join(left_out)}. Démarrez-les s'ils"
            " doivent fonctionner.",
        )
    services.start(running, but_late=but_late)
