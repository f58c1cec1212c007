"""Publishing a release, withdrawing one, and keeping the repository fresh."""

import hashlib
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from ospi_supervisor.archive.header import prove, read_member
from ospi_supervisor.archive.layout import NOTICE
from ospi_supervisor.archive.reader import Archive
from ospi_supervisor.archive.trust import Trust
from ospi_supervisor.domain.manifest import ArchiveKind
from ospi_supervisor.domain.offers import Offer, OfferKind, Share
from ospi_supervisor.errors import RefusedError
from ospi_supervisor.publisher.keys import midnight, root_chain
from ospi_supervisor.publisher.repository import (
    SNAPSHOT_RENEWAL,
    Repository,
    current_root,
    hash_file,
    key_signers,
)
from ospi_supervisor.publisher.state import State

_ADVICE = {"root": "lancez « rotate-root »", "targets": "lancez « doctor --repair », qui la signe de nouveau"}

_WARNING_BEFORE = {"root": timedelta(days=180), "targets": timedelta(days=60)}


def publish(repository: Repository, keys: Path, file: Path, now: datetime, rollout: tuple[Share, ...] = ()) -> Offer:
    """Add the archive `file`, full or delta, and its notice; returns what clients are offered from then on.

    `rollout` says which share of the servers may take it at night from when on. RefusedError where the archive is not
    wholly proven by the vendor's root, its version is published with other contents, or the repository's list still
    lacks signatures. Safe while clients read, safe to run again after a crash.
    """
    root, signers = current_root(keys), key_signers(keys)
    described, notice = describe(file, root_chain(keys)[-1], now)
    offer = replace(described, rollout=rollout)
    with repository.changing(keys, now) as state:
        offer = _of_one_release(state, offer)
        add(state, offer)
        its_notice = notice_offer(offer, notice)
        add(state, its_notice)
        repository.check_signable(state, signers, root, now)  # before gigabytes are copied for nothing
        repository.add_roots(keys)  # there are some to add before the first publication only, while nobody reads
        repository.store_bytes(notice, its_notice)
        repository.store(file, offer)
        repository.commit(state, signers, root, now)
        repository.note("publish", f"{offer.filename} sha256 {offer.sha256}", keys, now)
    return offer


def _of_one_release(state: State, offer: Offer) -> Offer:
    """`offer` under the shares and the hold of its release: all the archives of a release open together, else a delta
    would bring at once what the full archive opens by shares."""
    others = [
        other
        for other in state.offers()
        if other.is_archive and (other.product, other.version) == (offer.product, offer.version)
    ]
    if not others:
        return offer
    rollout = offer.rollout or others[0].rollout
    for other in others:
        state.add(replace(other, rollout=rollout))
    return replace(offer, rollout=rollout, held=others[0].held)


def parse_rollout(shares: str | None, days: str | None, now: datetime) -> tuple[Share, ...]:
    """`1%,10%,100%` and `0,2,5`: each share from the beginning of its day on; RefusedError where they do not fit."""
    if not shares and not days:
        return ()
    try:
        percents = [float(text.strip().removesuffix("%")) for text in (shares or "").split(",")]
        delays = [int(text) for text in (days or "").split(",")]
    except ValueError:
        percents, delays = [], [0]
    grows = percents == sorted(set(percents)) and delays == sorted(set(delays))
    if len(percents) != len(delays) or not grows or not percents[0] > 0 or percents[-1] > 100 or delays[0] < 0:
        raise RefusedError("attendu autant de parts que de jours, croissants : --rollout 1%,10%,100% --days 0,2,5")
    return tuple(
        Share(percent=percent, start=midnight(now) + timedelta(days=delay))
        for percent, delay in zip(percents, delays, strict=True)
    )


def hold(
    repository: Repository, keys: Path, product: str, version: str, reason: str | None, now: datetime
) -> list[Offer]:
    """Stop servers from taking one release by themselves, for the `reason` that they read; None lets them again.

    What is held can still be taken by hand. Returns its archives; RefusedError where that release is not published.
    """
    root, signers = current_root(keys), key_signers(keys)
    with repository.changing(keys, now) as state:
        held = [replace(offer, held=reason) for offer in _archives_of(state, product, version)]
        for offer in held:
            state.add(offer)
        repository.commit(state, signers, root, now)
        repository.note("hold" if reason else "resume", f"{product} {version} {reason or ''}".strip(), keys, now)
    return held


def withdraw(
    repository: Repository, keys: Path, product: str, version: str, now: datetime, base: str | None = None
) -> list[Offer]:
    """Take every archive of one release, and its notice, out of the repository; returns them.

    With `base`, the delta from that release alone: the others, and the full archive, stay. Clients stop seeing them
    first, then the files go; run again, it removes what a withdrawal cut short has left. RefusedError where there is
    nothing of the kind.
    """
    root, signers = current_root(keys), key_signers(keys)
    with repository.changing(keys, now) as state:
        try:
            gone = _withdrawn(state, product, version, base)
        except RefusedError:
            repository.remove_unlisted(state)  # what a withdrawal that was cut short has left
            raise
        for offer in gone:
            del state.targets.targets[offer.path]
        repository.commit(state, signers, root, now)
        repository.note("withdraw", ", ".join(offer.filename for offer in gone), keys, now)
    return gone


def _withdrawn(state: State, product: str, version: str, base: str | None) -> list[Offer]:
    archives = _archives_of(state, product, version)
    gone = archives if base is None else [offer for offer in archives if offer.base == base]
    if not gone:
        raise RefusedError(f"{product} {version} n'a pas d'archive depuis {base} ; voyez « ospi-release list »")
    kept = {offer.notice for offer in archives if offer not in gone}
    notices = [offer for offer in state.offers() if offer.kind is OfferKind.NOTICE and offer.path not in kept]
    return [*gone, *(notice for notice in notices if (notice.product, notice.version) == (product, version))]


def _archives_of(state: State, product: str, version: str) -> list[Offer]:
    found = [offer for offer in state.offers() if (offer.product, offer.version) == (product, version)]
    if not found:
        raise RefusedError(f"{product} {version} n'est pas dans ce dépôt ; voyez « ospi-release list »")
    return [offer for offer in found if offer.is_archive]


def refresh(repository: Repository, keys: Path, now: datetime) -> list[str]:
    """Sign the timestamp anew, and the snapshot where its end is near; returns what people must see to, in French.

    Needs the keys of these two roles only, so that it can run each day on the publication server. RefusedError, once
    that is done, where other metadata have expired: clients refuse the repository all the same.
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
    expired = [role for role in dates if dates[role] <= now]
    if expired:
        raise RefusedError(
            f"les métadonnées « {expired[0]} » ont expiré le {dates[expired[0]]:%d/%m/%Y} : vos clients refusent ce"
            f" dépôt ; {_ADVICE[expired[0]]}"
        )
    return [
        f"les métadonnées « {role} » expirent le {dates[role]:%d/%m/%Y} ; {_ADVICE[role]}"
        for role, delay in _WARNING_BEFORE.items()
        if dates[role] - now < delay
    ]


def describe(file: Path, root: bytes, now: datetime) -> tuple[Offer, bytes]:
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
        severity=manifest.severity,
        fixes=manifest.fixes,
        support_until=manifest.support_until,
        supervisor=manifest.supervisor,
    )
    return offer, notice


def notice_offer(archive: Offer, notice: bytes) -> Offer:
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


def add(state: State, offer: Offer) -> None:
    """List `offer`; RefusedError where its name is published with other contents."""
    published = {other.path: other.sha256 for other in state.offers()}
    if published.get(offer.path, offer.sha256) != offer.sha256:
        raise RefusedError(
            f"{offer.filename} est déjà publié avec un autre contenu ; retirez d'abord la version {offer.version}"
            " par « withdraw », ou changez de numéro de version"
        )
    state.add(offer)
