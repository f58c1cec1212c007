"""Phase 8, `switch`: the link `current` names the new release, atomically. Undo: it names the old one again."""

from dataclasses import dataclass

from ospi_supervisor.phases.base import Facts, Run
from ospi_supervisor.phases.release import manifest_of
from ospi_supervisor.platform.releases import Releases


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
