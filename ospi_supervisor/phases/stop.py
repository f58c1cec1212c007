"""Phase 6, `stop`: services are stopped, and held stopped across a reboot. Undo: the old release is healthy again."""

from dataclasses import dataclass

from ospi_supervisor.phases.base import Facts, Run
from ospi_supervisor.platform.health import Health
from ospi_supervisor.platform.services import Services


@dataclass(frozen=True)
class Stop:
    """Stops the services for as long as data and release change."""

    services: Services
    health: Health
    health_timeout: float

    def do(self, run: Run) -> Facts:
        """PlatformError naming the service that does not stop."""
        self.services.stop()
        return {}

    def undo(self, run: Run) -> None:
        """PlatformError where the old release does not come back: the engine then keeps the page up."""
        self.services.start()
        self.health.wait(run.request.from_version, self.health_timeout, run.check)
