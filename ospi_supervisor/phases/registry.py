"""The list of all phases and of what each is made of: read this first."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from ospi_supervisor.backup.databases import Database, wait_for_databases
from ospi_supervisor.backup.snapshots import Snapshots
from ospi_supervisor.config import Config
from ospi_supervisor.domain.lifecycle import Availability, Phase, rule_of
from ospi_supervisor.domain.plan import Room
from ospi_supervisor.domain.prerequisites import MachineFacts
from ospi_supervisor.files import remove_unfinished
from ospi_supervisor.phases.announce import Announced, Estimate
from ospi_supervisor.phases.backup import Backup
from ospi_supervisor.phases.base import PhaseWork, Registry, Run
from ospi_supervisor.phases.checkpoint import Checkpoint
from ospi_supervisor.phases.cleanup import Cleanup
from ospi_supervisor.phases.health import HealthCheck
from ospi_supervisor.phases.maintenance import Maintenance
from ospi_supervisor.phases.migrate import Migrate
from ospi_supervisor.phases.prerequisites import Prerequisites
from ospi_supervisor.phases.release import InstalledReleases, ReleaseHooks
from ospi_supervisor.phases.reopen import Reopen
from ospi_supervisor.phases.stage import Stage
from ospi_supervisor.phases.start import Start
from ospi_supervisor.phases.stop import Stop
from ospi_supervisor.phases.switch import Switch
from ospi_supervisor.phases.verify import Verify
from ospi_supervisor.platform.health import Health
from ospi_supervisor.platform.hooks import kill_leftovers
from ospi_supervisor.platform.reboot import RebootGuard, shutting_down
from ospi_supervisor.platform.releases import Releases
from ospi_supervisor.platform.services import Services
from ospi_supervisor.platform.switch import MaintenanceSwitch


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


def make_registry(
    parts: Adapters,
    *,
    clock: Callable[[], datetime],
    measure: Callable[[Room], MachineFacts],
    expected_end: Estimate,
    forget_archive: Callable[[Run], None],
) -> Registry:
    """All thirteen phases, put together."""
    config = parts.config
    hooks = ReleaseHooks(config, parts.releases)
    installed = InstalledReleases(parts.releases, config.paths)
    works: dict[Phase, PhaseWork] = {
        Phase.VERIFY: Verify(config, parts.releases, clock),
        Phase.PREREQUISITES: Prerequisites(
            config, measure, parts.snapshots.estimate, parts.services, parts.health, parts.databases
        ),
        Phase.STAGE: Stage(config, parts.releases, installed, hooks, clock),
        Phase.BACKUP: Backup(parts.snapshots),
        Phase.MAINTENANCE: Maintenance(parts.switch, config.platform.health_timeout),
        Phase.STOP: Stop(parts.services, parts.health, config.platform.health_timeout),
        Phase.CHECKPOINT: Checkpoint(parts.snapshots),
        Phase.SWITCH: Switch(parts.releases),
        Phase.MIGRATE: Migrate(hooks, parts.snapshots),
        Phase.START: Start(parts.services, installed),
        Phase.HEALTH: HealthCheck(parts.health, config.platform.health_timeout),
        Phase.REOPEN: Reopen(parts.switch),
        Phase.CLEANUP: Cleanup(parts.releases, installed, parts.snapshots, forget_archive),
    }
    for phase, work in works.items():
        if rule_of(phase).availability is Availability.PAGE:
            works[phase] = Announced(phase, work, parts.switch, expected_end)

    def before_recovery(services_stopped: bool) -> None:
        wait_for_databases(parts.databases, config.platform.health_timeout)
        kill_leftovers(parts.releases.root)
        for folder in (config.paths.trust_dir, config.paths.records_dir, config.maintenance.page_dir):
            remove_unfinished(folder)
        if services_stopped:
            parts.services.ensure_stopped()

    return Registry(works, before_recovery, parts.reboot.held, shutting_down)
