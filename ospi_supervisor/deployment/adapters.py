"""What acts on the platform, gathered."""

from collections.abc import Sequence
from dataclasses import dataclass

from ospi_supervisor.backup.databases import Database
from ospi_supervisor.backup.snapshots import Snapshots
from ospi_supervisor.config.tables import Config
from ospi_supervisor.deployment.releases import Releases
from ospi_supervisor.platform.health import Health
from ospi_supervisor.platform.invitations import Invitations
from ospi_supervisor.platform.maintenance import MaintenanceSwitch
from ospi_supervisor.platform.reboot import RebootGuard
from ospi_supervisor.platform.services import Services


@dataclass(frozen=True)
class Adapters:
    """What phases act through."""

    config: Config
    releases: Releases
    services: Services
    health: Health
    switch: MaintenanceSwitch
    databases: Sequence[Database]
    snapshots: Snapshots
    reboot: RebootGuard

    @property
    def invitations(self) -> Invitations:
        """The links behind the closed door."""
        return Invitations(self.config.maintenance.invitations, self.config.paths.engine_dir)
