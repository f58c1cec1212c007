"""The worker's way to the vendor: what is offered to this server, and the archive on this server's disk."""

import logging
import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ospi_supervisor.archive.header import prove, read_member
from ospi_supervisor.archive.layout import NOTICE
from ospi_supervisor.archive.reader import Archive
from ospi_supervisor.archive.trust import Trust
from ospi_supervisor.automatic.facts import REQUESTED_BY, SOURCE, check_document, repository_of
from ospi_supervisor.config import Config
from ospi_supervisor.domain.offers import CALL_SUPPORT, Offer, OfferKind, best_offer
from ospi_supervisor.errors import ArchiveError, FeedError, RefusedError, WorkerStoppingError
from ospi_supervisor.feed.check import Catalogue
from ospi_supervisor.feed.fetch import fetch
from ospi_supervisor.feed.part import has_begun
from ospi_supervisor.feed.probe import probe
from ospi_supervisor.feed.transport import Transport
from ospi_supervisor.files import write_atomically
from ospi_supervisor.platform.machine import operating_system
from ospi_supervisor.store.automatic_store import AutomaticStore
from ospi_supervisor.store.engine_rows import NewUpdate

logger = logging.getLogger(__name__)

NOTE_SECONDS = 1.0


@dataclass(frozen=True)
class Found:
    """What a check found: `offer` suits this server best, `error` says why there is no catalogue."""

    transport: Transport
    repository: str
    catalogue: Catalogue | None
    offer: Offer | None
    error: str


@dataclass(frozen=True)
class Supply:
    """`check_base` holds a delta against the installed files: ArchiveError(wrong_base). `stopping` says whether the
    worker was asked to stop: then a fetch ends, and goes on another time."""

    config: Config
    store: AutomaticStore
    check_base: Callable[[Archive], None]
    installed_version: Callable[[], str]
    clock: Callable[[], datetime]
    stopping: Callable[[], bool]

    def check(self) -> Found:
        """Look at the repository and record what was found; RefusedError where this system has none."""
        table = self.config.automatic_update
        repository = repository_of(table)
        if repository is None:
            raise RefusedError("aucun serveur de mise à jour n'est prévu pour ce système ; voyez « automatic_update »")
        self.store.note(activity={"step": "check", "since": self.clock().isoformat()})
        transport = Transport(
            proxy=table.proxy, proxy_password_file=table.proxy_password_file, ca_bundle=table.ca_bundle
        )
        seen = probe(transport, repository, self.config.paths.repository_dir, self._trust().root_bytes)
        offer = None
        if seen.catalogue is not None:
            self._trust().save(self.config.paths.trust_dir, seen.catalogue.newest_root)
            offer = self._best_offer(seen.catalogue.offers)
        document = check_document(seen, offer, repository, self.clock())
        self.store.note(last_check=document)
        return Found(transport, repository, seen.catalogue, offer, document["error"])

    def _best_offer(self, offers: Iterable[Offer]) -> Offer | None:
        system = operating_system()
        return best_offer(
            offers,
            product=self.config.platform.product,
            installed=self.installed_version(),
            os_id=system.id,
            os_version=system.version,
        )

    def obtain(self, found: Found, offer: Offer, installed: str) -> NewUpdate:
        """The update as the engine takes it: by the delta, else by the full archive where the installed files are not
        those that the delta was made from (a release that was adopted, or altered). A full archive that an earlier
        night began is gone on with."""
        offers = found.catalogue.offers if found.catalogue else ()
        full = self._best_offer(other for other in offers if other.kind is OfferKind.FULL)
        if full and full.version == offer.version and has_begun(self.config.paths.fetched_dir / full.filename):
            offer = full  # trying the delta again would remove what was received
        try:
            return self._new_update(self._fetch(found, offer), offer, installed)
        except ArchiveError as error:
            if error.code != "wrong_base" or full is None:
                raise
            logger.info("%s; the full archive is fetched", error)
            return self._new_update(self._fetch(found, full), full, installed)

    def _fetch(self, found: Found, offer: Offer) -> Path:
        """The archive, whole and proven; FeedError, or WorkerStoppingError: what was received stays."""
        noted = 0.0

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
            check=self._check_going_on,
        )

    def _check_going_on(self) -> None:
        if self.stopping():
            raise WorkerStoppingError("le service de mise à jour s'arrête ; ce qui a été reçu est gardé")

    def _new_update(self, archive: Path, offer: Offer, installed: str) -> NewUpdate:
        """The update as the engine takes it, its notice kept for those who read it afterwards."""
        with Archive.open(archive, self._trust(), self.clock()) as opened:
            header = opened.header
            if header.summary.expired:
                raise FeedError(f"les signatures de l'archive {offer.filename} ont dépassé leur date", CALL_SUPPORT)
            self.check_base(opened)
            notice = header.member(NOTICE)
            prove(opened.file, header, 0, notice.end)
            data = read_member(opened.file, header, NOTICE)
        self.config.paths.notices_dir.mkdir(mode=0o750, exist_ok=True)
        write_atomically(self.config.paths.notices_dir / f"{notice.sha256}.pdf", data, mode=0o640)
        return NewUpdate(
            product=self.config.platform.product,
            from_version=installed,
            source=SOURCE,
            requested_by=REQUESTED_BY,
            archive=archive,
            notice_sha256=notice.sha256,
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
