"""The repository's health, for whoever looks after it and for a task that runs each day."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from ospi_supervisor.archive.header import read_signed_part
from ospi_supervisor.archive.trust import Trust
from ospi_supervisor.domain.offers import Offer
from ospi_supervisor.errors import ArchiveError, RefusedError
from ospi_supervisor.publisher.keys import root_chain
from ospi_supervisor.publisher.memory import remember, seen
from ospi_supervisor.publisher.mirror import Source, shown
from ospi_supervisor.publisher.repository import Repository, decoded, hash_file
from ospi_supervisor.publisher.state import State

_NEAR = {"root": 180, "targets": 60, "snapshot": 7, "timestamp": 3}
"""Days before an end of validity from which on it is told."""


@dataclass(frozen=True)
class Finding:
    """What is wrong, and what to do. `is_fault` is whether clients suffer, now or for something that is past."""

    problem: str
    cure: str
    is_fault: bool = True


def ask(source: Source, keys: Path) -> None:
    """Note in the folder `keys` what readers of `source`, an address or another copy of the repository, have seen: the
    folder may have been restored with the repository. RefusedError where it is none of this vendor's."""
    state = shown(source, root_chain(keys)[0])
    here, known = state.counters, seen(keys, state.identity)
    if known.is_behind(here):
        remember(keys, state.identity, here)


def examine(repository: Repository, keys: Path, now: datetime, *, deep: bool = False) -> list[Finding]:
    """What is wrong with the repository, as far as the key folder `keys` tells; `deep` reads every byte of it."""
    chain = root_chain(keys)
    try:
        followed = repository.followed_root(chain)
        state = repository.state(decoded(chain), now)
        found = [*_restored(keys, state), *_rotation(followed, chain), *_dates(state, decoded(chain)[-1].expires, now)]
    except RefusedError as error:
        return [_told(error)]
    for offer in state.offers():
        found += _file(repository, offer, chain[-1], deep=deep)
    if repository.pending.exists() and any(repository.pending.iterdir()):
        cure = "faites signer ce qui y est par « ospi-release sign », puis relancez la commande qui l'attendait"
        found.append(Finding(f"une liste attend des signatures dans {repository.pending}", cure, is_fault=False))
    return found


def _told(error: RefusedError) -> Finding:
    problem, _, cure = str(error).partition(" ; ")
    return Finding(problem, cure)


def _restored(keys: Path, state: State) -> Iterator[Finding]:
    known, here = seen(keys, state.identity), state.counters
    if here.is_behind(known):
        yield Finding(
            f"le dépôt est revenu en arrière : vos clients en ont vu la date n° {known.timestamp}, il en est à la"
            f" n° {here.timestamp}, et ils le refusent",
            "lancez « ospi-release doctor --repair »",
        )
        for path in here.missing(known):
            yield Finding(f"{path} y était publié, et n'y est plus", "publiez-le de nouveau après la réparation")


def _rotation(followed: int, chain: list[bytes]) -> Iterator[Finding]:
    if followed < len(chain):
        problem = f"le dépôt n'a pas la racine {len(chain)} du dossier de clés"
        yield Finding(problem, "lancez « ospi-release rotate-root » pour achever ce changement de clés")


def _dates(state: State, root_end: datetime, now: datetime) -> Iterator[Finding]:
    ends = {
        "root": (root_end, "lancez « ospi-release rotate-root »"),
        "targets": (state.targets.expires, "lancez « ospi-release doctor --repair »"),
        "snapshot": (state.snapshot.expires, "lancez « ospi-release refresh »"),
        "timestamp": (state.timestamp.expires, "lancez « ospi-release refresh », chaque jour"),
    }
    for role, (end, cure) in ends.items():
        if end <= now:
            yield Finding(
                f"les métadonnées « {role} » ont expiré le {end:%d/%m/%Y} : vos clients refusent ce dépôt", cure
            )
        elif end - now < timedelta(days=_NEAR[role]):
            yield Finding(f"les métadonnées « {role} » expirent le {end:%d/%m/%Y}", cure, is_fault=False)


def _file(repository: Repository, offer: Offer, root: bytes, *, deep: bool) -> Iterator[Finding]:
    path = repository.targets / offer.stored_path
    again = f"retirez {offer.product} {offer.version} par « withdraw », puis publiez-le de nouveau"
    if not path.exists():
        yield Finding(f"{offer.path} est annoncé, et son fichier manque", again)
    elif path.stat().st_size != offer.size or (deep and hash_file(path) != offer.sha256):
        yield Finding(f"{offer.path} n'est pas le fichier qui a été signé", again)
    elif offer.is_archive and not _is_proven(path, root):
        yield Finding(f"{offer.path} n'est pas signé par les clés en vigueur", "lancez « ospi-release resign »")


def _is_proven(path: Path, root: bytes) -> bool:
    try:
        with path.open("rb") as file:
            roots, release, _ = read_signed_part(file, path.stat().st_size)
        Trust(root).extended(roots).verify_release(release)
    except ArchiveError:
        return False
    return True
