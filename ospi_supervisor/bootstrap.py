"""The only place where parts are wired together."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from flask import Flask

from ospi_supervisor.administration import Administration
from ospi_supervisor.archive.base import check_base
from ospi_supervisor.automatic.facts import CHECK, RUN
from ospi_supervisor.automatic.nightly import AutomaticUpdate
from ospi_supervisor.automatic.supply import Supply
from ospi_supervisor.backup.databases import make_databases
from ospi_supervisor.backup.snapshots import Snapshots
from ospi_supervisor.backups import BACKUP, Backups
from ospi_supervisor.checks import run_checks
from ospi_supervisor.config import Config
from ospi_supervisor.diagnostics import Diagnostics
from ospi_supervisor.domain.lifecycle import Availability, Phase, phases_from, rule_of
from ospi_supervisor.domain.plan import Room
from ospi_supervisor.domain.prerequisites import MachineFacts
from ospi_supervisor.engine.desk import Desk
from ospi_supervisor.engine.engine import Engine
from ospi_supervisor.engine.lock import exclusive, update_lock
from ospi_supervisor.engine.unlocking import Unlocking
from ospi_supervisor.errors import PlatformError
from ospi_supervisor.jobs.queue import Queue
from ospi_supervisor.jobs.worker import Worker, log_to_stdout
from ospi_supervisor.mail.report import Reports
from ospi_supervisor.operations import Operations
from ospi_supervisor.phases.base import Run
from ospi_supervisor.phases.registry import Adapters, make_registry
from ospi_supervisor.phases.release import InstalledReleases
from ospi_supervisor.platform.health import Health
from ospi_supervisor.platform.machine import measure
from ospi_supervisor.platform.reboot import RebootGuard
from ospi_supervisor.platform.releases import Releases
from ospi_supervisor.platform.services import Services
from ospi_supervisor.platform.switch import MaintenanceSwitch
from ospi_supervisor.platform.zone import local_zone
from ospi_supervisor.store.automatic_store import AutomaticStore
from ospi_supervisor.store.database import ReadOnlyDatabase, sqlite_url
from ospi_supervisor.store.ends_store import EndsStore
from ospi_supervisor.store.engine_reader import EngineReader
from ospi_supervisor.store.engine_store import EngineStore
from ospi_supervisor.store.published import PublishedStore
from ospi_supervisor.store.web_models import WEB_MODELS
from ospi_supervisor.store.web_rows import RequestRow
from ospi_supervisor.store.web_store import WebStore
from ospi_supervisor.support_key import SupportKey
from ospi_supervisor.web import create_app
from ospi_supervisor.web.server import serve


def utc_now() -> datetime:
    """The machine's clock."""
    return datetime.now(UTC)


def make_operations(config: Config) -> Operations:
    """What the web and the command line may ask for."""
    return Operations(config, Queue(config.paths.queue_db).ring)


def make_adapters(config: Config) -> Adapters:
    """What acts on the platform."""
    platform = config.platform
    health = Health(platform)
    databases = make_databases(platform.databases)
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
    return Administration(config, make_adapters(config), lambda: update_lock(lock), reader.running_update, utc_now)


def make_diagnostics(config: Config, reader: EngineReader, status: Callable[[], dict[str, Any]]) -> Diagnostics:
    """What gathers the support's bundle; what its parts need is made when they are asked for, and may fail then."""
    releases = Releases(config.platform.root)
    return Diagnostics(
        config=config,
        reader=reader,
        status=status,
        checks=lambda: run_checks(config, make_adapters(config)),
        measure=lambda: measure(config, releases.current()),
        releases=releases.versions,
        web_integrity=ReadOnlyDatabase(sqlite_url(config.paths.web_db), WEB_MODELS).integrity,
        clock=utc_now,
    )


def make_app(config: Config) -> Flask:
    """The web application."""
    operations = make_operations(config)
    return create_app(config, operations, make_diagnostics(config, operations.reader, operations.status).bundle)


def run_web(config: Config) -> None:
    """Serve the web application until SIGTERM."""
    serve(make_app(config), config)


def run_worker(config: Config) -> None:
    """Work until SIGTERM; BusyError where a worker runs already."""
    log_to_stdout()
    make_worker(config).run()


def make_worker(config: Config) -> Worker:
    """The worker process' parts."""
    paths = config.paths
    _make_folders(config)
    adapters = make_adapters(config)
    store = EngineStore(sqlite_url(paths.engine_db))
    reader = EngineReader(sqlite_url(paths.engine_db))
    registry = make_registry(
        adapters,
        clock=utc_now,
        measure=_measure(config, adapters.releases),
        expected_end=_expected_end(reader),
        forget_archive=_forget_archive(paths.uploads_dir, paths.fetched_dir),
    )
    desk = _make_desk(config, adapters, store)
    engine = Engine(store, registry, paths, utc_now, adapters.releases.current, lambda: worker.is_stopping())
    automatic = _make_automatic(config, adapters, store, desk, lambda: worker.is_stopping())
    backups = Backups(
        engine=store,
        published=PublishedStore(store),
        snapshots=adapters.snapshots,
        directory=config.backup.directory,
        take=make_administration(config).create_backup,
        clock=utc_now,
        stopping=lambda: worker.is_stopping(),
    )
    worker = Worker(
        queue_path=paths.queue_db,
        store=store,
        open_web=lambda: WebStore(sqlite_url(paths.web_db)),
        judge=_judge(desk, automatic, backups),
        run_due=engine.run_due,
        update_itself=automatic.run_if_due,
        keep_house=backups.keep_house,
        report_ends=Reports(config, store, EndsStore(store), reader.update, utc_now).tell,
        only_one=exclusive(paths.engine_dir / "worker.lock", "un service de mise à jour est déjà en marche"),
        clock=utc_now,
    )
    return worker


def _make_folders(config: Config) -> None:
    paths = config.paths
    paths.engine_dir.mkdir(mode=0o751, parents=True, exist_ok=True)  # the platform's account may ask for the hold
    for folder in (paths.trust_dir, paths.logs_dir, paths.records_dir, config.backup.directory):
        folder.mkdir(mode=0o750, parents=True, exist_ok=True)


def _make_desk(config: Config, adapters: Adapters, store: EngineStore) -> Desk:
    unlocking = Unlocking(store, _support_signature(config), _find_trouble(adapters))
    change_setting = AutomaticStore(store).change_setting
    return Desk(
        store=store,
        product=config.platform.product,
        uploads_dir=config.paths.uploads_dir,
        installed_version=adapters.releases.current,
        clock=utc_now,
        unlocking=unlocking,
        change_setting=change_setting,
        page_is_up=config.maintenance.flag.exists,
    )


def _make_automatic(
    config: Config, adapters: Adapters, store: EngineStore, desk: Desk, stopping: Callable[[], bool]
) -> AutomaticUpdate:
    recorded = AutomaticStore(store)
    installed = adapters.releases.current
    releases = InstalledReleases(adapters.releases, config.paths)
    supply = Supply(
        config=config,
        store=recorded,
        check_base=lambda archive: check_base(archive, releases.tree(installed())),
        installed_version=installed,
        clock=utc_now,
        stopping=stopping,
    )
    return AutomaticUpdate(
        config=config,
        engine=store,
        store=recorded,
        admit=lambda update, reason: desk.admit(update, reason, utc_now()),
        supply=supply,
        installed_version=installed,
        zone=local_zone,
        clock=utc_now,
    )


def _judge(desk: Desk, automatic: AutomaticUpdate, backups: Backups) -> Callable[[RequestRow], None]:
    """Each request to whom it is for: the engine knows nothing of the way to the vendor, nor of backups by hand."""

    def judge(request: RequestRow) -> None:
        if request.kind in (CHECK, RUN):
            automatic.answer(request)
        elif request.kind == BACKUP:
            backups.answer(request)
        else:
            desk.judge(request)

    return judge


def _measure(config: Config, releases: Releases) -> Callable[[Room], MachineFacts]:
    return lambda room: measure(config, releases.current(), room)


def _support_signature(config: Config) -> Callable[[bytes, bytes], bool] | None:
    """Read when a code is to be proven: a key that is damaged must not keep the worker from its recovery."""
    path = config.trust.support_key
    return None if path is None else lambda text, signature: SupportKey.load(path).signed(text, signature)


def _find_trouble(adapters: Adapters) -> Callable[[], str | None]:
    """What keeps the platform from being well on the release that `current` names."""

    def find_trouble() -> str | None:
        try:
            return adapters.health.check(adapters.releases.current()).error
        except PlatformError as error:
            return str(error)

    return find_trouble


def _expected_end(reader: EngineReader) -> Callable[[Phase], datetime | None]:
    """When users will have the platform back, from what the phases took in past updates."""

    def expected_end(phase: Phase) -> datetime | None:
        total = 0.0
        for later in phases_from(phase):
            if rule_of(later).availability is not Availability.PAGE:
                continue
            durations = reader.durations(later)
            if not durations:
                return None
            total += sorted(durations)[len(durations) // 2]
        return utc_now() + timedelta(seconds=total)

    return expected_end


def _forget_archive(*folders: Path) -> Callable[[Run], None]:
    def forget(run: Run) -> None:
        archive = run.request.archive
        if archive.parent in folders:
            archive.unlink(missing_ok=True)

    return forget
