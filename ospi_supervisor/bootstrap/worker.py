"""The worker process."""

import os
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime, timedelta

from ospi_supervisor import __version__
from ospi_supervisor.administration.conditions import conditions_of
from ospi_supervisor.archive.delta_base import check_base
from ospi_supervisor.bootstrap.administration import make_adapters, make_administration, make_folders, sweep_folders
from ospi_supervisor.bootstrap.drills import make_drills
from ospi_supervisor.config.support_key import SupportKey
from ospi_supervisor.config.tables import Config
from ospi_supervisor.deployment.adapters import Adapters
from ospi_supervisor.deployment.installed import InstalledReleases
from ospi_supervisor.deployment.releases import Releases
from ospi_supervisor.domain.lifecycle import Phase
from ospi_supervisor.domain.plan import Room
from ospi_supervisor.domain.prerequisites import MachineFacts
from ospi_supervisor.domain.progress import seconds_of_page, usual
from ospi_supervisor.domain.requests import CheckRepository, DrillBackup, MakeBackup, RunAutomaticUpdate, SendTestMail
from ospi_supervisor.engine.engine import Engine
from ospi_supervisor.engine.requests import Requests
from ospi_supervisor.engine.turn import Turn
from ospi_supervisor.engine.unlocking import Unlocking
from ospi_supervisor.errors import PlatformError
from ospi_supervisor.hands import ending
from ospi_supervisor.jobs.door import Door
from ospi_supervisor.jobs.worker import Worker
from ospi_supervisor.phases.archives import forget_archive
from ospi_supervisor.phases.base import Registry
from ospi_supervisor.phases.own_program import OwnParts, make_own_registry
from ospi_supervisor.phases.registry import make_registry
from ospi_supervisor.platform.machine import measure
from ospi_supervisor.platform.own_program import own_program
from ospi_supervisor.platform.reboot import shutting_down
from ospi_supervisor.store.automatic_store import AutomaticStore
from ospi_supervisor.store.database import sqlite_url
from ospi_supervisor.store.engine_reader import EngineReader
from ospi_supervisor.store.engine_store import EngineStore
from ospi_supervisor.store.notifications import NotificationStore
from ospi_supervisor.store.pardons import Pardons
from ospi_supervisor.store.published import PublishedStore
from ospi_supervisor.store.topics import WORKER, WorkerDocument
from ospi_supervisor.system.clock import utc_now
from ospi_supervisor.system.journal import log_to_stdout
from ospi_supervisor.system.lock import exclusive
from ospi_supervisor.system.zone import local_zone
from ospi_supervisor.worker.aftercare import Aftercare
from ospi_supervisor.worker.announcements import Announcer
from ospi_supervisor.worker.attempts import Attempts
from ospi_supervisor.worker.backup_requests import BackupRequests
from ospi_supervisor.worker.download import Download
from ospi_supervisor.worker.handouts import Handouts
from ospi_supervisor.worker.installed_listing import InstalledListing
from ospi_supervisor.worker.mail_trial import MailTrial
from ospi_supervisor.worker.news import News, tell_failed_backup
from ospi_supervisor.worker.nightly import AutomaticUpdate
from ospi_supervisor.worker.notifications import Notifications
from ospi_supervisor.worker.retention import Retention
from ospi_supervisor.worker.router import Router


def run_worker(config: Config) -> None:
    """Work until SIGTERM; BusyError where a worker runs already."""
    log_to_stdout()
    ending.sweep()
    make_worker(config).run()


def make_worker(config: Config) -> Worker:
    """The worker process' parts."""
    paths = config.paths
    make_folders(config)
    adapters = make_adapters(config)
    store, reader = EngineStore(sqlite_url(paths.engine_db)), EngineReader(sqlite_url(paths.engine_db))
    registry, requests = _make_registry(config, adapters, store, reader), _make_requests(config, adapters, store)
    installed, hours = adapters.releases.current, config.calendar.rules(local_zone)
    engine = Engine(store, registry, paths, utc_now, installed, lambda: worker.is_stopping(), hours=hours)
    announcer = _make_announcer(config, adapters, reader)
    engine.turn, engine.own = make_turn(config), _make_own_registry(config, adapters, lambda: worker.is_stopping())
    automatic = _make_automatic(config, adapters, store, requests, reader, lambda: worker.is_stopping())
    backups = _make_backups(config, adapters, store, lambda: worker.is_stopping())
    drills = make_drills(config, adapters, store, reader, lambda: worker.is_stopping())
    beside = {
        CheckRepository.kind: automatic.answer,
        RunAutomaticUpdate.kind: automatic.answer,
        MakeBackup.kind: backups.answer,
        DrillBackup.kind: drills.answer,
        SendTestMail.kind: MailTrial(config, store, utc_now).answer,
    }
    listing = _make_listing(config, adapters, store)
    retention = Retention(store, PublishedStore(store), reader, paths.logs_dir, utc_now)
    watch = Aftercare(config, store, reader, adapters.health, installed, utc_now).look
    handouts = _make_handouts(config, adapters, store, reader, lambda: worker.is_stopping())
    house = (listing.publish, backups.keep_house, handouts.look, retention.prune, drills.run_if_due, watch)
    worker = Worker(
        store=store,
        door=Door(paths.queue_db, paths.web_db),
        answer=Router(beside, requests.answer).answer,
        run_due=lambda: _in_turn(drills.tidy, announcer.publish, engine.run_due, announcer.publish, backups.publish),
        update_itself=automatic.run_if_due,
        keep_house=lambda: _in_turn(*house),
        report_ends=_make_reports(config, store, reader),
        only_one=exclusive(paths.engine_dir / "worker.lock", "un service de mise à jour est déjà en marche"),
        clock=utc_now,
        announce=lambda: _announce(store),
        sweep=lambda: sweep_folders(config),
    )
    return worker


def _make_reports(config: Config, store: EngineStore, reader: EngineReader) -> Callable[[], None]:
    notifications = Notifications(config, store, NotificationStore(store), reader.update, utc_now)
    news = News(config, reader, PublishedStore(store), utc_now)
    return lambda: _in_turn(notifications.tell, news.tell)


def _announce(store: EngineStore) -> None:
    """Tell which program works from now on."""
    PublishedStore(store).publish(WORKER, WorkerDocument(version=__version__, pid=os.getpid()), utc_now())


def _make_registry(config: Config, adapters: Adapters, store: EngineStore, reader: EngineReader) -> Registry:
    return make_registry(
        adapters,
        clock=utc_now,
        measure=_measure(config, adapters.releases),
        expected_end=_expected_end(reader),
        forget_archive=lambda run: forget_archive(config.paths, run.request.archive),
        pardon=Pardons(store).take,
    )


def _make_own_registry(config: Config, adapters: Adapters, stopping: Callable[[], bool]) -> Registry | None:
    """The phases of an update of this very program; None where it was not installed beside its other versions."""
    program = own_program(config)
    if program is None:
        return None
    parts = OwnParts(config, program, utc_now, stopping, lambda run: forget_archive(config.paths, run.request.archive))
    return replace(make_own_registry(parts), around=adapters.reboot.held, shutting_down=shutting_down)


def make_turn(config: Config) -> Turn:
    """What the instances of this machine take in turn; nothing where the configuration names no file for it."""
    path = config.supervisor.turn_file
    if path is None:
        return Turn()
    return Turn(lambda: exclusive(path, "une autre instance de ce serveur est en cours de mise à jour"))


def _make_announcer(config: Config, adapters: Adapters, reader: EngineReader) -> Announcer:
    def usual_page() -> float | None:
        durations = reader.durations()
        return seconds_of_page(Phase.MAINTENANCE, lambda phase: usual(durations[phase]))

    return Announcer(reader, adapters.switch, config.maintenance.announce_minutes, usual_page, utc_now)


def _make_listing(config: Config, adapters: Adapters, store: EngineStore) -> InstalledListing:
    installed = InstalledReleases(adapters.releases, config.paths)
    return InstalledListing(installed, adapters.releases.current, PublishedStore(store), utc_now)


def _make_backups(
    config: Config, adapters: Adapters, store: EngineStore, stopping: Callable[[], bool]
) -> BackupRequests:
    return BackupRequests(
        engine=store,
        published=PublishedStore(store),
        snapshots=adapters.snapshots,
        directory=config.backup.directory,
        take=make_administration(config).create_backup,
        clock=utc_now,
        stopping=stopping,
        failed=lambda words: tell_failed_backup(config, words, utc_now()),
    )


def _make_handouts(
    config: Config, adapters: Adapters, store: EngineStore, reader: EngineReader, stopping: Callable[[], bool]
) -> Handouts:
    return Handouts(config, adapters.snapshots, reader, PublishedStore(store), utc_now, stopping)


def _in_turn(*tasks: Callable[[], None]) -> None:
    """Each in its turn; whatever becomes of one, the others have theirs."""
    with ExitStack() as stack:
        for task in reversed(tasks):
            stack.callback(task)


def _make_requests(config: Config, adapters: Adapters, store: EngineStore) -> Requests:
    unlocking = Unlocking(store, _support_signature(config), _find_trouble(adapters))
    change_setting = AutomaticStore(store).change_setting
    return Requests(
        store=store,
        product=config.platform.product,
        uploads_dir=config.paths.uploads_dir,
        installed_version=adapters.releases.current,
        clock=utc_now,
        unlocking=unlocking,
        change_setting=change_setting,
        page_is_up=config.maintenance.flag.exists,
        hours=config.calendar.rules(local_zone),
    )


def _make_automatic(
    config: Config,
    adapters: Adapters,
    store: EngineStore,
    requests: Requests,
    reader: EngineReader,
    stopping: Callable[[], bool],
) -> AutomaticUpdate:
    recorded = AutomaticStore(store)
    installed = adapters.releases.current
    releases = InstalledReleases(adapters.releases, config.paths)
    download = Download(
        config=config,
        store=recorded,
        check_base=lambda archive: check_base(archive, releases.tree(installed())),
        base_listing=lambda: releases.listing_digest(installed()),
        installed_version=installed,
        clock=utc_now,
        stopping=stopping,
        own=own_program(config) is not None,
    )
    return AutomaticUpdate(
        config=config,
        engine=store,
        store=recorded,
        admit=lambda update, reason: requests.admit(update, reason, utc_now()),
        download=download,
        attempts=Attempts(
            PublishedStore(store),
            reader,
            lambda: conditions_of(config, adapters),
            utc_now,
        ),
        installed_version=installed,
        zone=local_zone,
        clock=utc_now,
        hours=config.calendar.rules(local_zone),
    )


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
    """When users will have the platform back, from what the phases took in the rehearsal and in past updates."""

    def expected_end(phase: Phase) -> datetime | None:
        update = reader.update(reader.active_update() or 0)
        asked = {step["name"] for step in update["phases"]} if update else set(Phase)
        expected = reader.expected(update["id"] if update else None)
        left = seconds_of_page(phase, lambda later: expected[later] if later in asked else 0.0)
        return None if left is None else utc_now() + timedelta(seconds=left)

    return expected_end
