"""Phase `health`: the platform answers, and with the new version. Undo: nothing."""

from dataclasses import dataclass

from ospi_supervisor.phases.base import Facts, PhaseWork, Run
from ospi_supervisor.phases.parts import Parts
from ospi_supervisor.phases.release import manifest_of
from ospi_supervisor.platform import health


@dataclass(frozen=True)
class HealthCheck:
    """Waits until the platform says that it is well and which version it is."""

    health: health.Health
    timeout: float

    def do(self, run: Run) -> Facts:
        """PlatformError with what the platform answered when the time was up."""
        version = manifest_of(run).version
        self.health.wait(version, self.timeout, run.check)
        return {"version": version}

    def undo(self, run: Run) -> None:
        """Nothing was changed."""


def make(parts: Parts) -> PhaseWork:
    """The phase, of its parts."""
    return HealthCheck(parts.health, parts.config.platform.health_timeout)
