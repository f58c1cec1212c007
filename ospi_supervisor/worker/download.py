"""The worker's way to the vendor: what is offered to this server, and the archive on this server's disk."""

import logging
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from ospi_supervisor import __version__
from ospi_supervisor.archive.header import read_header
from ospi_supervisor.archive.notices import keep_notice
from ospi_supervisor.archive.reader import Archive, check_base_listing
from ospi_supervisor.archive.trust import Trust
from ospi_supervisor.config.tables import Config
from ospi_supervisor.deployment.automatic import REQUESTED_BY, check_document, failed_check, repository_of
from ospi_supervisor.domain.manifest import OWN_PRODUCT
from ospi_supervisor.domain.offers import CALL_SUPPORT, Client, Offer, OfferKind, leads_from
from ospi_supervisor.domain.outlook import Outlook, Policy, look
from ospi_supervisor.domain.requests import Source
from ospi_supervisor.domain.settings import InForce, in_force
from ospi_supervisor.errors import ArchiveError, FeedError, RefusedError, WorkerStoppingError
from ospi_supervisor.feed.catalogue import Catalogue
from ospi_supervisor.feed.fetch import fetch
from ospi_supervisor.feed.part import has_begun, part_path
from ospi_supervisor.feed.probe import probe
from ospi_supervisor.feed.transport import Transport
from ospi_supervisor.platform.machine import operating_system
from ospi_supervisor.store.automatic_documents import CheckDocument
from ospi_supervisor.store.automatic_store import AutomaticStore
from ospi_supervisor.store.engine_rows import NewUpdate
from ospi_supervisor.system.deadlines import Limits
from ospi_supervisor.system.zone import local_zone

logger = logging.getLogger(__name__)

NOTE_SECONDS = 1.0


@dataclass(frozen=True)
class Target:
    """What is updated, the platform or this very program: its product, its version, and what there is of it."""

    product: str
    installed: str
    outlook: Outlook = field(default_factory=Outlook)

    @property
    def is_own(self) -> bool:
        """Whether it is this very program."""
        return self.product == OWN_PRODUCT


@dataclass(frozen=True)
class Found:
    """What a check found: `error` says why there is no catalogue, `later` whether that may pass."""

    transport: Transport
    repository: str
    catalogue: Catalogue | None
    platform: Target
    own: Target
    error: str
    later: bool = False


@dataclass(frozen=True)
class Download:
    """`check_base` holds a delta against the installed files: ArchiveError(wrong_base); `base_listing` is the sha256 of
    their listing, None where they were never recorded, which tells it by a delta's beginning. `stopping` says whether
    the worker was asked to stop: then a fetch ends, and goes on another time. `own` is whether this very program can be
    updated so: then its product is looked for, too."""

    config: Config
    store: AutomaticStore
    check_base: Callable[[Archive], None]
    base_listing: Callable[[], str | None]
    installed_version: Callable[[], str]
    clock: Callable[[], datetime]
    stopping: Callable[[], bool]
    own: bool = False
    sleep: Callable[[float], None] = time.sleep

    def check(self, *, by_hand: bool = False) -> Found:
        """Look at the repository and record what was found; RefusedError where this system has none.

        `by_hand`: what the vendor opens to a share of the servers only, or the administrator put off, is offered too.
        """
        table = self.config.automatic_update
        repository = repository_of(table)
        if repository is None:
            raise RefusedError("aucun serveur de mise à jour n'est prévu pour ce système ; voyez « automatic_update »")
        self.store.note(activity={"step": "check", "since": self.clock().isoformat()})
        try:
            found, document = self._look(repository, by_hand)
        except Exception as error:
            self.store.note(last_check=failed_check(error, repository, self.clock()))
            raise
        self.store.note(last_check=document)
        return found

    def _look(self, repository: str, by_hand: bool) -> tuple[Found, CheckDocument]:
        table = self.config.automatic_update
        transport = Transport(
            proxy=table.proxy,
            proxy_password_file=table.proxy_password_file,
            ca_bundle=table.ca_bundle,
            account=table.account,
            account_password_file=table.account_password_file,
            limits=Limits(silence=table.silence, window=max(Limits.window, table.silence)),
        )
        seen = probe(transport, repository, self.config.paths.repository_dir, self._trust().root_bytes)
        platform = Target(self.config.platform.product, self.installed_version())
        own = Target(OWN_PRODUCT, __version__)
        if seen.catalogue is not None:
            self._trust().save(self.config.paths.trust_dir, seen.catalogue.newest_root)
            platform = self._seen(seen.catalogue, platform, by_hand)
            own = self._seen(seen.catalogue, own, by_hand) if self.own else own
        outlooks = (platform.outlook, own.outlook) if seen.catalogue else None
        document = check_document(seen, outlooks, repository, self.clock())
        later = any(link.later for link in seen.links)
        return Found(transport, repository, seen.catalogue, platform, own, document["error"], later), document

    def _seen(self, catalogue: Catalogue, target: Target, by_hand: bool) -> Target:
        offers = catalogue.offers
        if target.is_own:  # by its full archive alone
            offers = tuple(offer for offer in offers if offer.product == OWN_PRODUCT and offer.kind is OfferKind.FULL)
        return replace(target, outlook=look(offers, self._client(target), None if by_hand else self._policy()))

    def _client(self, target: Target) -> Client:
        system = operating_system()
        return Client(
            product=target.product,
            installed=target.installed,
            os_id=system.id,
            os_version=system.version,
            channel=self.settings().channel,
        )

    def _policy(self) -> Policy:
        settings = self.settings()
        return Policy(
            server=self.store.state().server_id,
            now=self.clock().astimezone(local_zone()),
            security_only=not settings.automatic and settings.security,
            put_off=settings.put_off,
        )

    def check_still_wanted(self, offer: Offer) -> None:
        """RefusedError where `offer` was put off since it was found, or only security releases are taken now."""
        if blocked := self._policy().withheld(offer):
            raise RefusedError(f"version {blocked.version} : {blocked.reason}")

    def settings(self) -> InForce:
        """The settings of the automatic update."""
        return in_force(self.store.settings_under("update."))

    def obtain(self, found: Found, target: Target, offer: Offer) -> NewUpdate:
        """The update as the engine takes it: by the delta, else by the full archive where the delta does not fit the
        installed files, is damaged or missing. A full archive that an earlier night began is gone on with."""
        full = self._full_archive(found, target, offer)
        if full and has_begun(self.config.paths.fetched_dir / full.filename):
            offer = full  # trying the delta again would remove what was received
        try:
            return self._new_update(self._fetch(found, offer), target, offer)
        except (ArchiveError, FeedError) as error:
            passes = isinstance(error, FeedError) and error.transient
            if full is None or offer == full or passes:
                raise
            logger.info("%s; the full archive is fetched", error)
            return self._new_update(self._fetch(found, full), target, full)

    def _full_archive(self, found: Found, target: Target, offer: Offer) -> Offer | None:
        """The full archive of the release of `offer`, where it can be installed here."""
        offers = found.catalogue.offers if found.catalogue else ()
        client = self._client(target)
        return next(
            (
                other
                for other in filter(client.takes, offers)
                if other.kind is OfferKind.FULL
                and other.version == offer.version
                and leads_from(other, client.installed)
            ),
            None,
        )

    def _fetch(self, found: Found, offer: Offer) -> Path:
        """The archive, whole and proven; FeedError, or WorkerStoppingError: what was received stays."""
        noted = 0.0
        doubtful = offer.kind is OfferKind.DELTA

        def check() -> None:
            nonlocal doubtful
            self.check_going_on()
            if doubtful:
                doubtful = not self._begins_well(offer)

        def progress(percent: float) -> None:
            nonlocal noted
            if time.monotonic() - noted >= NOTE_SECONDS:
                noted = time.monotonic()
                self.store.note(activity={"step": "fetch", "version": offer.version, "percent": round(percent, 1)})

        self.config.paths.fetched_dir.mkdir(mode=0o750, parents=True, exist_ok=True)
        return fetch(
            found.transport,
            found.repository,
            offer,
            self.config.paths.fetched_dir,
            progress=progress,
            check=check,
            sleep=self.sleep,
        )

    def _begins_well(self, offer: Offer) -> bool:
        """Whether the beginning of a delta is there; ArchiveError(wrong_base) where it was made for another tree."""
        with part_path(self.config.paths.fetched_dir / offer.filename).open("rb") as file:
            available = os.fstat(file.fileno()).st_size
            header = read_header(file, available, offer.size, self._trust(), self.clock())
        if header is not None:
            check_base_listing(header.manifest, self.base_listing())
        return header is not None

    def check_going_on(self) -> None:
        if self.stopping():
            raise WorkerStoppingError("le service de mise à jour s'arrête ; ce qui a été reçu est gardé")

    def _new_update(self, archive: Path, target: Target, offer: Offer) -> NewUpdate:
        """The update as the engine takes it, its notice kept for those who read it afterwards."""
        with Archive.open(archive, self._trust(), self.clock()) as opened:
            header = opened.header
            if header.summary.expired:
                raise FeedError(f"les signatures de l'archive {offer.filename} ont dépassé leur date", CALL_SUPPORT)
            self.check_base(opened)
            notice_sha256 = keep_notice(opened, self.config.paths.notices_dir)
        return NewUpdate(
            product=target.product,
            from_version=target.installed,
            source=Source.AUTOMATIC,
            requested_by=REQUESTED_BY,
            archive=archive,
            notice_sha256=notice_sha256,
            notice_read_at=None,
            start_at=None,
            to_version=offer.version,
        )

    def _trust(self) -> Trust:
        return Trust.load(self.config.trust.root, self.config.paths.trust_dir)

    def forget_fetched(self) -> None:
        """What earlier nights fetched is of no more use, and no update is at it."""
        if self.config.paths.fetched_dir.exists():
            shutil.rmtree(self.config.paths.fetched_dir)
