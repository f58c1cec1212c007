"""The vendor's repository: static files under TUF metadata, safe to publish into while clients read.

    DIR/metadata/N.root.json, N.targets.json, N.snapshot.json, timestamp.json
    DIR/targets/PRODUCT/SHA256.NAME

A file never changes once written, `timestamp.json` aside, which names the rest and is replaced last and at once: a
client sees the state before a publication or the one after.
"""

import copy
import fcntl
import hashlib
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from securesystemslib.signer import CryptoSigner
from tuf.api.exceptions import UnsignedMetadataError
from tuf.api.metadata import Metadata, Root, Signed, Snapshot, Targets, Timestamp
from tuf.api.serialization import DeserializationError

from ospi_supervisor.archive.metadata import decode_root, encode
from ospi_supervisor.domain.offers import Offer
from ospi_supervisor.errors import RefusedError
from ospi_supervisor.publisher import journal
from ospi_supervisor.publisher.keys import available_signers, load_signers, midnight, root_chain
from ospi_supervisor.publisher.memory import remember
from ospi_supervisor.publisher.state import Signers, State, check_not_restored, first_state, meta_file
from ospi_supervisor.publisher.waiting import next_targets
from ospi_supervisor.system.files import fsync_dir, write_atomically

SNAPSHOT_VALIDITY = timedelta(days=30)
TIMESTAMP_VALIDITY = timedelta(days=7)
"""How long clients can be shown an old state by whom stands between (a freeze); refreshed each day, so that the
vendor has a week to mend a refresh that fails."""

SNAPSHOT_RENEWAL = timedelta(days=10)

_STORED_NAME = re.compile(r"\.?[0-9a-f]{64}\.")
"""How the names of the files begin that `store` and `store_bytes` write, those half-written too."""

_Kind = TypeVar("_Kind", Targets, Snapshot, Timestamp)


class Repository:
    """The repository in `folder`. Changes are made in `changing`, or `locked` for new keys; reading needs no key."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.metadata = folder / "metadata"
        self.targets = folder / "targets"
        self.pending = folder / "pending"
        self.replaced = folder / "replaced"

    def offers(self) -> list[Offer]:
        """What is published, read as it stands; none before the first publication."""
        return self._read().offers() if self._is_published() else []

    @contextmanager
    def changing(self, keys: Path, now: datetime) -> Iterator[State]:
        """The present state, proven by the newest of the vendor's own roots in the folder `keys`, to change it.

        RefusedError where somebody else signed it: what is found on a server is never signed again unseen. Also where
        clients follow another root than that one: they would refuse what its keys sign.
        """
        with self.locked():
            chain = root_chain(keys)
            if self._is_published():
                check_not_restored(keys, self._read())  # not proven yet: it only says what to do first
            if self.followed_root(chain) < len(chain):
                raise RefusedError(
                    f"ce dépôt n'a pas encore la racine {len(chain)} du dossier de clés : un changement de clés a été"
                    " interrompu, ou fait pour un autre dépôt ; lancez « rotate-root » sur ce dépôt pour l'achever"
                )
            state = self.state(decoded(chain)[-1:], now)
            check_not_restored(keys, state)
            yield state
            remember(keys, state.identity, state.counters)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """For one change at a time; RefusedError while another is made."""
        self.metadata.mkdir(parents=True, exist_ok=True)
        self.targets.mkdir(exist_ok=True)
        with (self.folder / ".lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise RefusedError("une autre publication est en cours dans ce dépôt ; attendez sa fin") from None
            yield

    def state(self, roots: Sequence[Root], now: datetime) -> State:
        """What clients see, each part proven by one of `roots`, else RefusedError; nothing before publication."""
        return self._read(roots) if self._is_published() else first_state(now)

    def followed_root(self, chain: Sequence[bytes]) -> int:
        """The number of the newest root that clients of this repository follow, in `chain`, the vendor's own.

        RefusedError where it is not in `chain`.
        """
        if self._root_path(len(chain) + 1).exists():
            raise RefusedError(
                f"le dossier de clés s'arrête à la racine {len(chain)}, il est plus ancien que le dépôt ;"
                " copiez-y les fichiers N.root.json, root.json et les clés du dossier de clés actuel"
            )
        seen = [number for number in range(1, len(chain) + 1) if self._root_path(number).exists()]
        for number in seen:
            if self._root_path(number).read_bytes() != chain[number - 1]:
                raise RefusedError(
                    f"la racine {number} de ce dépôt n'est pas celle du dossier de clés ;"
                    " prenez le dossier de clés qui a servi à publier ce dépôt"
                )
        if not self._is_published():
            return len(chain)  # nobody follows it yet
        return max(seen, default=1)

    def commit(self, state: State, signers: Signers, root: Root, now: datetime) -> None:
        """Make `state` what clients see, with new targets. A crash before the end changes nothing for them."""
        data = next_targets(self.pending, state, signers, root, now)
        write_atomically(self.metadata / f"{state.targets.version}.targets.json", data)
        state.snapshot.meta["targets.json"] = meta_file(state.targets.version, data)
        self.commit_snapshot(state, signers, root, now)
        if self.pending.exists():
            shutil.rmtree(self.pending)

    def check_signable(self, state: State, signers: Signers, root: Root, now: datetime) -> None:
        """RefusedError, before anything is copied, where `commit` would lack a signature, as it says it."""
        for role in ("snapshot", "timestamp"):
            signers(role)
        next_targets(self.pending, copy.deepcopy(state), signers, root, now)

    def commit_snapshot(self, state: State, signers: Signers, root: Root, now: datetime) -> None:
        """A new snapshot and timestamp over unchanged targets."""
        state.snapshot.version += 1
        state.snapshot.expires = midnight(now) + SNAPSHOT_VALIDITY
        data = signed_by(state.snapshot, signers("snapshot"), root)
        write_atomically(self.metadata / f"{state.snapshot.version}.snapshot.json", data)
        state.timestamp.snapshot_meta = meta_file(state.snapshot.version, data)
        self.commit_timestamp(state, signers, root, now)

    def commit_timestamp(self, state: State, signers: Signers, root: Root, now: datetime) -> None:
        """A new timestamp: the instant at which all that was written before becomes visible.

        Then the files go that are not listed any more.
        """
        state.timestamp.version += 1
        state.timestamp.expires = now.replace(microsecond=0) + TIMESTAMP_VALIDITY
        data = signed_by(state.timestamp, signers("timestamp"), root)
        write_atomically(self.metadata / "timestamp.json", data)
        self.remove_unlisted(state)

    def add_roots(self, keys: Path) -> None:
        """Publish the roots of the chain in `keys` that are missing here."""
        for number, data in enumerate(root_chain(keys), start=1):
            if not self._root_path(number).exists():
                write_atomically(self._root_path(number), data)

    def store(self, source: Path, offer: Offer) -> None:
        """Copy `source`, whose hash `offer` tells, to its place, durably; not visible to clients before `commit`."""
        final = self.targets / offer.stored_path
        final.parent.mkdir(exist_ok=True)
        temporary = final.with_name(f".{final.name}")
        try:
            shutil.copyfile(source, temporary)
            if hash_file(temporary) != offer.sha256:
                raise RefusedError(f"{source} a changé pendant sa publication ; recommencez")
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
            temporary.replace(final)
        finally:
            temporary.unlink(missing_ok=True)
        fsync_dir(final.parent)
        fsync_dir(self.targets)

    def store_bytes(self, data: bytes, offer: Offer) -> None:
        """Write the small file of `offer` to its place, like `store`."""
        final = self.targets / offer.stored_path
        final.parent.mkdir(exist_ok=True)
        write_atomically(final, data)

    def note(self, action: str, detail: str, keys: Path, now: datetime) -> None:
        """Write in the journal what was done, signed by the key of the timestamp. Raises OSError, RefusedError."""
        timestamp = load_signers(keys, "timestamp")[0]
        version = self._read().targets.version
        listed = self._load(self.metadata / f"{version}.targets.json", Targets)
        journal.note(self.folder, action, detail, signer=timestamp, signed_by=sorted(listed.signatures), now=now)

    def remove_unlisted(self, state: State) -> None:
        """Delete the archives and notices that `state`, which clients see, does not list.

        They were withdrawn, or are what a publication left that was cut short.
        """
        self.remove_unlisted_files(state.targets)

    def remove_unlisted_files(self, targets: Targets) -> None:
        """Delete the archives and notices that the list `targets` does not name."""
        listed = {name for target in targets.targets.values() for name in target.get_prefixed_paths()}
        for path in self.targets.glob("*/*"):
            if _STORED_NAME.match(path.name) and path.relative_to(self.targets).as_posix() not in listed:
                path.unlink(missing_ok=True)

    def _is_published(self) -> bool:
        return (self.metadata / "timestamp.json").exists()

    def _root_path(self, number: int) -> Path:
        return self.metadata / f"{number}.root.json"

    def _read(self, roots: Sequence[Root] | None = None) -> State:
        timestamp = self._proven("timestamp", None, Timestamp, roots)
        snapshot = self._proven("snapshot", timestamp.snapshot_meta.version, Snapshot, roots)
        targets = self._proven("targets", snapshot.meta["targets.json"].version, Targets, roots)
        return State(targets, snapshot, timestamp)

    def _proven(self, role: str, version: int | None, kind: type[_Kind], roots: Sequence[Root] | None) -> _Kind:
        path = self.metadata / (f"{role}.json" if version is None else f"{version}.{role}.json")
        metadata = self._load(path, kind)
        if roots is not None and not any(
            root.get_verification_result(role, metadata.signed_bytes, metadata.signatures).verified for root in roots
        ):
            raise _not_ours(path)
        return metadata.signed

    def _load(self, path: Path, kind: type[_Kind]) -> Metadata[_Kind]:
        try:
            metadata: Metadata[Any] = Metadata.from_bytes(path.read_bytes())
        except DeserializationError as error:
            raise _not_ours(path) from error
        except FileNotFoundError as error:
            raise RefusedError(f"{path} manque ; remettez une copie entière du dépôt") from error
        if not isinstance(metadata.signed, kind):
            raise RefusedError(f"{path} n'est pas du type attendu ; vérifiez le dépôt avant de publier")
        return metadata


def key_signers(keys: Path) -> Signers:
    """The private keys in the folder `keys`, read when they are needed; of `targets`, as many as are there."""
    return lambda role: available_signers(keys, role) if role == "targets" else load_signers(keys, role)


def current_root(keys: Path) -> Root:
    """The newest root of the vendor's own chain in the folder `keys`."""
    return decoded(root_chain(keys))[-1]


def decoded(chain: Sequence[bytes]) -> list[Root]:
    """The roots in `chain`; ArchiveError where one is not root metadata."""
    return [decode_root("root.json", data).signed for data in chain]


def signed_by(signed: Signed, signers: Sequence[CryptoSigner], root: Root) -> bytes:
    """`signed` with the signatures of `signers`; RefusedError where `root` asks for more of them."""
    metadata: Metadata[Any] = Metadata(signed)
    for signer in signers:
        metadata.sign(signer, append=True)
    try:
        root.verify_delegate(signed.type, metadata.signed_bytes, metadata.signatures)
    except UnsignedMetadataError as error:
        raise RefusedError(
            f"{root.roles[signed.type].threshold} clés « {signed.type} » doivent signer ; apportez celles qui manquent"
        ) from error
    return encode(metadata)


def hash_file(path: Path) -> str:
    """The sha256 of the file `path`, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _not_ours(path: Path) -> RefusedError:
    return RefusedError(
        f"{path} n'est pas signé par les clés actuelles ; si vos anciennes clés l'ont signé, et que « list » ne montre"
        " que vos versions, lancez « rotate-root --repair », sinon remettez une copie saine du dépôt"
    )
