"""Phase `switch`: the link `current` names the new release, atomically. Undo: it names the old one again."""

from dataclasses import dataclass

from ospi_supervisor.deployment.releases import Releases
from ospi_supervisor.phases.base import Facts, PhaseWork, Run
from ospi_supervisor.phases.parts import Parts
from ospi_supervisor.phases.release import manifest_of


@dataclass(frozen=True)
class Switch:
    """Repoints `current`."""

    releases: Releases

    def do(self, run: Run) -> Facts:
        """`current` is the new release, durably."""
        self.releases.point_to(manifest_of(run).version)
        return {}

    def undo(self, run: Run) -> None:
        """`current` is the release that the update started from."""
        self.releases.point_to(run.request.from_version)


def make(parts: Parts) -> PhaseWork:
    """The phase, of its parts."""
    return Switch(parts.releases)
