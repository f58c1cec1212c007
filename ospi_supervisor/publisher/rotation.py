"""Changing the vendor's keys: a new root, signed by the old one, that every client can follow.

No instant leaves a client behind: the repository's metadata are first signed by the old and the new keys together,
and the new root is published last.
"""

import copy
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Metadata, Root

from ospi_supervisor.archive.metadata import decode_root
from ospi_supervisor.archive.reader import Archive
from ospi_supervisor.archive.trust import Trust
from ospi_supervisor.domain.offers import Offer, OfferKind
from ospi_supervisor.errors import ArchiveError, RefusedError
from ospi_supervisor.publisher.keys import (
    RETIRED,
    ROLES,
    ROOT_VALIDITY,
    load_key,
    load_signers,
    midnight,
    new_key,
    root_chain,
    sign,
)
from ospi_supervisor.publisher.memory import remember, seen
from ospi_supervisor.publisher.repository import (
    Repository,
    decoded,
    key_signers,
)
from ospi_supervisor.publisher.resigning import set_aside
from ospi_supervisor.publisher.state import Signers, State, check_not_restored
from ospi_supervisor.system.files import fsync_dir, write_atomically

_SIGNING = ("targets", "snapshot", "timestamp")
"""The roles that sign the repository."""


@dataclass(frozen=True)
class Scheme:
    """How many keys a role has from now on, and how many of them must sign."""

    threshold: int
    count: int


@dataclass(frozen=True)
class Rotation:
    """What was done. `dropped` are archives that the new root does not prove: they were set aside, to be signed anew.

    `resumed` where the root was there already, and only had to be published.
    """

    version: int
    dropped: tuple[Offer, ...]
    resumed: bool


def parse_scheme(text: str) -> tuple[str, Scheme]:
    """`ROLE=THRESHOLD/COUNT`, such as `targets=2/3`; RefusedError where it is anything else."""
    match = re.fullmatch(r"([a-z]+)=(\d{1,2})/(\d{1,2})", text)
    if not match or match[1] not in ROLES or not 1 <= int(match[2]) <= int(match[3]):
        raise RefusedError(f"« {text} » : attendu RÔLE=SEUIL/NOMBRE, par exemple targets=2/3")
    return match[1], Scheme(int(match[2]), int(match[3]))


def rotate_root(repository: Repository, keys: Path, schemes: Mapping[str, Scheme], now: datetime) -> Rotation:
    """Give the roles in `schemes` new keys, in a new root signed by the old root's keys; publish it.

    Where the newest root in `keys` is not in this repository yet, because a rotation was cut short or made for another
    repository, that root is published instead and `schemes` wait. The private keys that it replaces go to
    `private/retired`. RefusedError where too few of the old root's keys are there.
    """
    with repository.locked():
        chain = root_chain(keys)
        followed = repository.followed_root(chain)
        resumed = followed < len(chain)
        state = repository.state(decoded(chain[followed - 1 :]), now)
        check_not_restored(keys, state)
        if not resumed:
            repository.add_roots(keys)  # as in `publish`
            chain.append(_new_root(keys, decoded(chain)[-1], schemes, now))
        # Clients trust any of these roots until they have seen the last.
        roots = decoded(chain[followed - 1 :])
        signers = {role: [key for root in roots for key in load_signers(keys, role, root)] for role in _SIGNING}
        dropped = _publish(repository, keys, chain, state, signers.__getitem__, now)
        remember(keys, state.identity, state.counters)
        repository.note("rotate-root", f"racine {len(chain)}", keys, now)
    return Rotation(len(chain), tuple(dropped), resumed)


def repair(repository: Repository, keys: Path, now: datetime) -> Rotation:
    """Sign anew, by the current keys alone, a repository that keys replaced since have signed; no key changes.

    Clients refuse such a repository, and `rotate_root` too: whoever had the replaced keys may have signed it, so that
    a person must have looked at what it lists. Counters go on from what clients may have seen: a restored copy is
    followed again. RefusedError where none of the vendor's roots ever proved it.
    """
    with repository.locked():
        chain = root_chain(keys)
        repository.followed_root(chain)  # a key folder of the past is refused
        state = repository.state(decoded(chain), now)
        known = seen(keys, state.identity)
        for signed, version in zip(
            (state.targets, state.snapshot, state.timestamp),
            (known.targets, known.snapshot, known.timestamp),
            strict=True,
        ):
            signed.version = max(signed.version, version)
        dropped = _publish(repository, keys, chain, state, key_signers(keys), now)
        remember(keys, state.identity, state.counters)
        repository.note("repair", f"racine {len(chain)}", keys, now)
    return Rotation(len(chain), tuple(dropped), resumed=True)


def _publish(
    repository: Repository, keys: Path, chain: Sequence[bytes], state: State, signers: Signers, now: datetime
) -> list[Offer]:
    """Have clients follow the newest root of `chain`, in `keys` and in the repository; returns what it does not prove.

    Cut short at any write, it can be done again. What is written last, the root in the repository, says that all is.
    """
    root = decoded(chain)[-1]
    dropped = _drop_unproven(repository, state, chain[-1], now)
    replaced = _replaced(keys, root)
    # All that can be refused was; from here on the new root exists.
    for name in (f"{root.version}.root.json", "root.json"):
        write_atomically(keys / name, chain[-1])
    _retire(keys, replaced)
    repository.commit(state, signers, root, now)
    repository.add_roots(keys)
    return dropped


def _new_root(keys: Path, old_root: Root, schemes: Mapping[str, Scheme], now: datetime) -> bytes:
    """A new root in which the roles in `schemes` have new keys, signed but not kept yet."""
    old = {role: load_signers(keys, role) for role in ROLES}  # a missing key is told before any is made
    new = {role: _new_signers(keys, role, scheme.count) for role, scheme in schemes.items()}
    root = _next_root(old_root, new, schemes, now)
    # The old root's signatures may be the new one's too, where the root's keys stay.
    data = sign(Metadata(root), [*old["root"], *new.get("root", [])])
    _check_follows(old_root, data)
    return data


def _new_signers(keys: Path, role: str, count: int) -> list[CryptoSigner]:
    """New private keys. They sign nothing before a root names them, so that a crash here costs nothing."""
    private = keys / "private"
    first = 1 + max((_number(path) for path in private.rglob(f"{role}-*.pem")), default=0)
    return [CryptoSigner(new_key(private / f"{role}-{number}.pem")) for number in range(first, first + count)]


def _next_root(
    old_root: Root, new: Mapping[str, Sequence[CryptoSigner]], schemes: Mapping[str, Scheme], now: datetime
) -> Root:
    root = copy.deepcopy(old_root)
    root.version += 1
    root.expires = midnight(now) + ROOT_VALIDITY
    for role, signers in new.items():
        for key in list(root.roles[role].keyids):
            root.revoke_key(key, role)
        for signer in signers:
            root.add_key(signer.public_key, role)
        root.roles[role].threshold = schemes[role].threshold
    return root


def _check_follows(old_root: Root, data: bytes) -> None:
    metadata = decode_root("root.json", data)
    for root in (old_root, metadata.signed):
        if not root.get_verification_result("root", metadata.signed_bytes, metadata.signatures).verified:
            raise RefusedError(
                f"{root.roles['root'].threshold} clés racine doivent signer ; apportez celles qui manquent"
            )


def _replaced(keys: Path, root: Root) -> list[Path]:
    """The private keys that `root` does not name."""
    return [
        path
        for role in ROLES
        for path in (keys / "private").glob(f"{role}-*.pem")
        if CryptoSigner(load_key(path)).public_key.keyid not in root.roles[role].keyids
    ]


def _retire(keys: Path, replaced: Sequence[Path]) -> None:
    """Put the private keys `replaced` aside."""
    retired = keys / RETIRED
    retired.mkdir(mode=0o700, exist_ok=True)
    for path in replaced:
        path.replace(retired / path.name)
    fsync_dir(retired)
    fsync_dir(retired.parent)


def _drop_unproven(repository: Repository, state: State, root: bytes, now: datetime) -> list[Offer]:
    """Take out the archives that no client will accept under `root`, because a key that signed them is gone."""
    dropped = []
    for offer in state.offers():
        if offer.kind is OfferKind.NOTICE:
            continue
        try:
            Archive.open(repository.targets / offer.stored_path, Trust(root), now).file.close()
        except ArchiveError:
            set_aside(repository, offer)
            dropped.append(offer)
            del state.targets.targets[offer.path]
    kept_notices = {offer.notice for offer in state.offers()}
    for offer in state.offers():
        if offer.kind is OfferKind.NOTICE and offer.path not in kept_notices:
            dropped.append(offer)
            del state.targets.targets[offer.path]
    return dropped


def _number(path: Path) -> int:
    return int(path.stem.rpartition("-")[2])
