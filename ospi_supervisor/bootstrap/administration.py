"""What acts on the platform, for root's shell and the worker."""

from contextlib import ExitStack, suppress

from ospi_supervisor.administration.service import Administration
from ospi_supervisor.backup.databases import make_databases
from ospi_supervisor.backup.snapshots import Snapshots
from ospi_supervisor.config.tables import Config
from ospi_supervisor.deployment.adapters import Adapters
from ospi_supervisor.deployment.releases import Releases
from ospi_supervisor.errors import BusyError
from ospi_supervisor.platform.health import Health
from ospi_supervisor.platform.maintenance import MaintenanceSwitch
from ospi_supervisor.platform.reboot import RebootGuard
from ospi_supervisor.platform.services import Services
from ospi_supervisor.store.database import sqlite_url
from ospi_supervisor.store.engine_reader import EngineReader
from ospi_supervisor.system.clock import utc_now
from ospi_supervisor.system.files import remove_unfinished
from ospi_supervisor.system.lock import update_lock
from ospi_supervisor.system.temporary import remove_those_of_the_dead


def make_adapters(config: Config) -> Adapters:
    """What acts on the platform."""
    platform = config.platform
    health = Health(platform)
    databases = make_databases(platform.databases, platform.account)
    return Adapters(
        config=config,
        releases=Releases(platform.root),
        services=Services(platform.services, config.paths.hold, platform.account),
        health=health,
        switch=MaintenanceSwitch(config.maintenance, health, platform.name),
        databases=databases,
        snapshots=Snapshots(config.backup.directory, platform.data_dirs, databases, config.backup.keep),
        reboot=RebootGuard(),
    )


def make_administration(config: Config) -> Administration:
    """What only the worker's account may do directly."""
    reader = EngineReader(sqlite_url(config.paths.engine_db))
    lock = config.paths.update_lock
    return Administration(
        config,
        make_adapters(config),
        lambda: update_lock(lock),
        reader.running_update,
        utc_now,
        reader.prepared_update,
    )


def make_folders(config: Config) -> None:
    """What the worker and a rehearsal from the shell write in, whichever is first on this server."""
    paths = config.paths
    paths.engine_dir.mkdir(mode=0o751, parents=True, exist_ok=True)  # the platform's account may ask for the hold
    for folder in (paths.trust_dir, paths.logs_dir, paths.records_dir, config.backup.directory):
        folder.mkdir(mode=0o750, parents=True, exist_ok=True)


def sweep_folders(config: Config) -> None:
    """Remove what a worker or a command that was killed left half written, unless a command is at work. OSError, once
    each folder had its turn."""
    paths = config.paths
    folders = (
        paths.engine_dir,
        paths.trust_dir,
        paths.records_dir,
        paths.notices_dir,
        paths.fetched_dir,
        config.backup.directory,
        config.maintenance.page_dir,
    )
    with suppress(BusyError), update_lock(paths.update_lock), ExitStack() as stack:
        stack.callback(remove_those_of_the_dead)
        for folder in folders:
            stack.callback(remove_unfinished, folder)
