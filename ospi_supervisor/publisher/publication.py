"""Publishing a release, withdrawing one, and keeping the repository fresh."""

import hashlib
from datetime import datetime, timedelta
from pathlib import Path

from ospi_supervisor.archive.header import prove, read_member
from ospi_supervisor.archive.layout import NOTICE
from ospi_supervisor.archive.reader import Archive
from ospi_supervisor.archive.trust import Trust
from ospi_supervisor.domain.manifest import ArchiveKind
from ospi_supervisor.domain.offers import Offer, OfferKind
from ospi_supervisor.errors import RefusedError
from ospi_supervisor.publisher.keys import root_chain
from ospi_supervisor.publisher.repository import (
    SNAPSHOT_RENEWAL,
    Repository,
    State,
    current_root,
    hash_file,
    key_signers,
)

_WARNING_BEFORE = {"root": timedelta(days=180), "targets": timedelta(days=60)}


def publish(repository: Repository, keys: Path, file: Path, now: datetime) -> Offer:
    """Add the archive `file`, full or delta, and its notice; returns what clients are offered from then on.

    RefusedError where the archive is not wholly proven by the vendor's root, or its version is published with
    other contents. Safe while clients read, safe to run again after a crash.
    """
    root, signers = current_root(keys), key_signers(keys)
    offer, notice = _describe(file, root_chain(keys)[-1], now)
    with repository.changing(keys, now) as state:
        for role in ("targets", "snapshot", "timestamp"):
            signers(role)  # a missing key is refused before gigabytes are copied for nothing
        _add(state, offer)
        notice_offer = _notice_offer(offer, notice)
        _add(state, notice_offer)
        repository.add_roots(keys)  # there are some to add before the first publication only, while nobody reads
        repository.store_bytes(notice, notice_offer)
        repository.store(file, offer)
        repository.commit(state, signers, root, now)
    return offer


def withdraw(repository: Repository, keys: Path, product: str, version: str, now: datetime) -> list[Offer]:
    """Take every archive of one release, and its notice, out of the repository; returns them.

    Clients stop seeing them first, then the files go; run again, it removes what a withdrawal cut short has left.
    RefusedError where that release is not published.
    """
    root, signers = current_root(keys), key_signers(keys)
    with repository.changing(keys, now) as state:
        gone = [offer for offer in state.offers() if (offer.product, offer.version) == (product, version)]
        if not gone:
            repository.remove_unlisted(state)
            raise RefusedError(f"{product} {version} n'est pas dans ce dépôt ; voyez « ospi-release list »")
        for offer in gone:
            del state.targets.targets[offer.path]
        repository.commit(state, signers, root, now)
    return gone


def refresh(repository: Repository, keys: Path, now: datetime) -> list[str]:
    """Sign the timestamp anew, and the snapshot where its end is near; returns what people must see to, in French.

    Needs the keys of these two roles only, so that it can run each day on the publication server.
    """
    root, signers = current_root(keys), key_signers(keys)
    with repository.changing(keys, now) as state:
        if "targets.json" not in state.snapshot.meta:
            raise RefusedError("ce dépôt est vide ; publiez d'abord une version par « ospi-release publish »")
        if state.snapshot.expires - now < SNAPSHOT_RENEWAL:
            repository.commit_snapshot(state, signers, root, now)
        else:
            repository.commit_timestamp(state, signers, root, now)
    dates = {"root": root.expires, "targets": state.targets.expires}
    advice = {"root": "lancez « rotate-root »", "targets": "publiez une version, ou retirez-en une"}
    return [
        f"les métadonnées « {role} » expirent le {dates[role]:%d/%m/%Y} ; {advice[role]}"
        for role, delay in _WARNING_BEFORE.items()
        if dates[role] - now < delay
    ]


def _describe(file: Path, root: bytes, now: datetime) -> tuple[Offer, bytes]:
    """What `file` is, every byte of it proven, and its notice."""
    with Archive.open(file, Trust(root), now) as archive:
        prove(archive.file, archive.header, 0, archive.header.size)
        if archive.manifest.kind is ArchiveKind.FULL:
            for _ in archive.entries():  # a delta's can be read only beside its base; its build has checked them
                continue
        if archive.header.summary.expired:
            raise RefusedError(f"la date des signatures de {file} est passée ; construisez l'archive de nouveau")
        manifest, notice = archive.manifest, read_member(archive.file, archive.header, NOTICE)
        size = archive.header.size
    name = f"{manifest.product}/{manifest.product}"
    offer = Offer(
        path=f"{name}-{manifest.base}-to-{manifest.version}.ospi"
        if manifest.kind is ArchiveKind.DELTA
        else f"{name}-{manifest.version}.ospi",
        size=size,
        sha256=hash_file(file),
        kind=OfferKind(manifest.kind.value),
        product=manifest.product,
        version=manifest.version,
        requires=manifest.requires,
        os=manifest.os,
        date=now.date(),
        base=manifest.base,
        notice=f"{name}-{manifest.version}-notice.pdf",
    )
    return offer, notice


def _notice_offer(archive: Offer, notice: bytes) -> Offer:
    """The notice as a target of its own, shared by the full archive and the deltas of a release."""
    return Offer(
        path=archive.notice or "",
        size=len(notice),
        sha256=hashlib.sha256(notice).hexdigest(),
        kind=OfferKind.NOTICE,
        product=archive.product,
        version=archive.version,
        date=archive.date,
    )


def _add(state: State, offer: Offer) -> None:
    published = {other.path: other.sha256 for other in state.offers()}
    if published.get(offer.path, offer.sha256) != offer.sha256:
        raise RefusedError(
            f"{offer.filename} est déjà publié avec un autre contenu ; retirez d'abord la version {offer.version}"
            " par « withdraw », ou changez de numéro de version"
        )
    state.add(offer)
