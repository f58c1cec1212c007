"""What phases are made of: each takes of it what it needs (`make` in its file)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from ospi_supervisor.deployment.adapters import Adapters
from ospi_supervisor.deployment.installed import InstalledReleases
from ospi_supervisor.domain.plan import Room
from ospi_supervisor.domain.prerequisites import MachineFacts
from ospi_supervisor.phases.base import Run
from ospi_supervisor.phases.hooks import ReleaseHooks


@dataclass(frozen=True)
class Parts(Adapters):
    """The adapters, and what the worker knows besides."""

    clock: Callable[[], datetime]
    measure: Callable[[Room], MachineFacts]
    forget_archive: Callable[[Run], None]
    pardon: Callable[[str, str, int], str | None] = lambda *_: None
    """Who let pass the rehearsal of that product and version, in the update of that number; None where nobody did."""

    @cached_property
    def installed(self) -> InstalledReleases:
        """The releases with the records of their trees."""
        return InstalledReleases(self.releases, self.config.paths)

    @cached_property
    def hooks(self) -> ReleaseHooks:
        """What runs a release's hooks."""
        return ReleaseHooks(self.config, self.releases)
