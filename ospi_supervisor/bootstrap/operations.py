"""What the web and the command line ask through, and the diagnostics that both gather."""

import os
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING

from ospi_supervisor.administration.diagnostics import Diagnostics
from ospi_supervisor.config.tables import Config
from ospi_supervisor.deployment.releases import Releases
from ospi_supervisor.domain.findings import Finding
from ospi_supervisor.jobs.queue import Queue
from ospi_supervisor.operations.requests import Operations
from ospi_supervisor.platform.machine import measure
from ospi_supervisor.store.automatic_documents import StatusDocument
from ospi_supervisor.store.database import ReadOnlyDatabase, sqlite_url
from ospi_supervisor.store.engine_reader import EngineReader
from ospi_supervisor.store.web_models import WEB_FORMAT
from ospi_supervisor.system.clock import utc_now

if TYPE_CHECKING:
    from ospi_supervisor.jobs.trail import Trail


def make_operations(config: Config) -> Operations:
    """What the web and the command line may ask for."""
    return Operations(config, Queue(config.paths.queue_db).ring)


def make_diagnostics(config: Config, reader: EngineReader, status: Callable[[], StatusDocument]) -> Diagnostics:
    """What gathers the support's bundle; what its parts need is made when they are asked for, and may fail then."""
    releases = Releases(config.platform.root)
    return Diagnostics(
        config=config,
        reader=reader,
        status=status,
        checks=lambda: _findings(config),
        measure=lambda: measure(config, releases.current()),
        releases=releases.versions,
        web_integrity=lambda: _web_integrity(config),
        clock=utc_now,
    )


LOADED_LATE = ("_strptime", "encodings.idna")
"""What Python loads only when a date or a name of the network is read."""


def asks_for_another(config: Config) -> bool:
    """Whether this process is root, and what may be asked lies in a folder of another account's: the web's."""
    web_dir = config.paths.web_dir
    return os.geteuid() == 0 and web_dir.exists() and web_dir.stat().st_uid != 0


def become_web_account(config: Config) -> None:
    """Where that is so, become that account, for good: root opens none of its files."""
    if asks_for_another(config):
        from ospi_supervisor.hands.accounts import owner_of
        from ospi_supervisor.hands.inside.account import become

        for late in LOADED_LATE:  # that account may not reach the interpreter which root was started with
            import_module(late)
        owner = owner_of(config.paths.web_dir)
        become(owner.user, owner.groups)


def make_trail(config: Config) -> "Trail":
    """What records what root itself does, in another account's database."""
    from ospi_supervisor.jobs.trail import Trail

    return Trail(config.paths.web_db)


def _web_integrity(config: Config) -> list[str]:
    if asks_for_another(config):
        return make_trail(config).integrity()
    return ReadOnlyDatabase(sqlite_url(config.paths.web_db), WEB_FORMAT).integrity()


def _findings(config: Config) -> list[Finding]:
    # Loaded when they are asked for: a web process that serves pages holds nothing that acts on the platform.
    from ospi_supervisor.administration.checks import run_checks
    from ospi_supervisor.bootstrap.administration import make_adapters

    return run_checks(config, make_adapters(config))
