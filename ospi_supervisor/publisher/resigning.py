"""Published archives signed anew after a change of keys: what is in them does not change, and is not built again.

Replacing a key takes its worth from what it has signed, so that a person looks at what is set aside before it is
signed again.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from ospi_supervisor.domain.offers import Offer, read_offer
from ospi_supervisor.errors import RefusedError
from ospi_supervisor.publisher.keys import load_signers, midnight, root_chain
from ospi_supervisor.publisher.publication import add, describe, notice_offer
from ospi_supervisor.publisher.repository import Repository, current_root, key_signers
from ospi_supervisor.publisher.signing import sign_anew
from ospi_supervisor.system.files import write_atomically

VALIDITY = timedelta(days=365)


def set_aside(repository: Repository, offer: Offer) -> None:
    """Keep the archive of `offer`, which is about to be listed no more, until it is signed anew. Raises OSError."""
    repository.replaced.mkdir(exist_ok=True)
    kept = repository.replaced / offer.filename
    kept.unlink(missing_ok=True)
    kept.hardlink_to(repository.targets / offer.stored_path)
    write_atomically(_said_path(kept), msgspec.json.encode([offer.path, offer.size, offer.sha256, offer.custom()]))


def resign(repository: Repository, keys: Path, now: datetime) -> list[Offer]:
    """Sign anew what was set aside, by the keys in the folder `keys`, and publish all of it at once; returns it.

    RefusedError where nothing was set aside, or too few keys are there; ArchiveError where an archive never was the
    vendor's. Safe to run again.
    """
    archives = sorted(repository.replaced.glob("*.ospi")) if repository.replaced.exists() else []
    if not archives:
        raise RefusedError("aucune archive n'attend d'être signée de nouveau dans ce dépôt")
    chain, root, signers = root_chain(keys), current_root(keys), key_signers(keys)
    for archive in archives:
        sign_anew(archive, chain, load_signers(keys, "targets"), midnight(now) + VALIDITY)
    published = []
    with repository.changing(keys, now) as state:
        for archive in archives:
            found, notice = describe(archive, chain[-1], now)
            before = _said(archive)
            offer = replace(found, rollout=before.rollout, held=before.held, date=before.date)
            its_notice = notice_offer(offer, notice)
            add(state, offer)
            add(state, its_notice)
            repository.store_bytes(notice, its_notice)
            repository.store(archive, offer)
            published.append(offer)
        repository.commit(state, signers, root, now)
        repository.note("resign", ", ".join(offer.filename for offer in published), keys, now)
    for archive in archives:
        archive.unlink()
        _said_path(archive).unlink(missing_ok=True)
    return published


def resign_files(archives: list[Path], keys: Path, now: datetime) -> None:
    """Sign the archives anew where they lie, under the newest root in the folder `keys`."""
    chain, signers = root_chain(keys), load_signers(keys, "targets")
    for archive in archives:
        sign_anew(archive, chain, signers, midnight(now) + VALIDITY)


def _said(archive: Path) -> Offer:
    path, size, sha256, custom = msgspec.json.decode(_said_path(archive).read_bytes())
    offer = read_offer(path, size, {"sha256": sha256}, custom)
    if offer is None:
        raise RefusedError(f"{_said_path(archive)} ne dit rien de {archive.name} ; publiez-la par « publish »")
    return offer


def _said_path(archive: Path) -> Path:
    return archive.with_name(f"{archive.name}.json")
