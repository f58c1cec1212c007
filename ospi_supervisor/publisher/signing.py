"""Signatures that several people give one after the other, each with a key that never lies beside another's.

An archive's contents follow its metadata: adding a signature, or signing anew under a newer root, writes the head
again and copies the rest as it is.
"""

import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Metadata, Root, Targets
from tuf.api.serialization import DeserializationError

from ospi_supervisor.archive.header import read_signed_part
from ospi_supervisor.archive.layout import BLOCK, PACK_BYTES, RELEASE, root_name
from ospi_supervisor.archive.metadata import decode_release, decode_root, encode
from ospi_supervisor.archive.trust import Trust
from ospi_supervisor.errors import RefusedError
from ospi_supervisor.publisher.build import tar_member
from ospi_supervisor.publisher.keys import load_key, sign
from ospi_supervisor.system.files import fsync_dir, write_atomically


@dataclass(frozen=True)
class Count:
    """How many keys have rightly signed, and how many must."""

    signed: int
    needed: int

    @property
    def is_enough(self) -> bool:
        """Whether nobody else has to sign."""
        return self.signed >= self.needed


def signatures(archive: Path) -> Count:
    """Of an archive, by the newest root that it brings; ArchiveError where it is no archive."""
    with archive.open("rb") as file:
        roots, release, _ = read_signed_part(file, archive.stat().st_size)
    return _count(decode_root(RELEASE, roots[-1]).signed, decode_release(RELEASE, release))


def sign_file(path: Path, key: Path, root: Root | None = None) -> Count:
    """Add the signature of the private key `key` to `path`: an archive, or a list of the repository that waits for it.

    RefusedError where it is neither, or where that key may not sign it (for a list: where `root` is given). The file
    is replaced whole or not at all.
    """
    signer = CryptoSigner(load_key(key))
    with path.open("rb") as file:
        is_archive = file.read(BLOCK)[: len(root_name(1))] == root_name(1).encode()
    return _sign_archive(path, signer) if is_archive else _sign_list(path, signer, root)


def sign_anew(archive: Path, chain: Sequence[bytes], signers: Sequence[CryptoSigner], expires: datetime) -> None:
    """Sign the archive under the newest root of `chain`, in place of what signed it, until `expires`.

    What is in it does not change, and is not read again. It must have been good under one of the roots of `chain`:
    ArchiveError otherwise.
    """
    with archive.open("rb") as file:
        _, release, rest = read_signed_part(file, archive.stat().st_size)
    check_was_ours(release, chain)
    metadata = decode_release(RELEASE, release)
    metadata.signatures.clear()
    metadata.signed.expires = expires
    _rewrite(archive, chain, sign(metadata, signers), rest)


def check_was_ours(release: bytes, chain: Sequence[bytes]) -> None:
    """ArchiveError where none of the roots of `chain` ever proved `release`: then it is not the vendor's."""
    for root in chain[:-1]:
        with suppress(RefusedError):
            Trust(root).verify_release(release)
            return
    Trust(chain[-1]).verify_release(release)


def _sign_archive(path: Path, signer: CryptoSigner) -> Count:
    with path.open("rb") as file:
        roots, release, rest = read_signed_part(file, path.stat().st_size)
    root, metadata = decode_root(RELEASE, roots[-1]).signed, decode_release(RELEASE, release)
    _check_allowed(signer, root)
    metadata.sign(signer, append=True)
    _rewrite(path, roots, encode(metadata), rest)
    return _count(root, metadata)


def _sign_list(path: Path, signer: CryptoSigner, root: Root | None) -> Count:
    try:
        metadata: Metadata[Any] = Metadata.from_bytes(path.read_bytes())
    except DeserializationError as error:
        raise RefusedError(f"{path} n'est ni une archive ni une liste à signer") from error
    if not isinstance(metadata.signed, Targets):
        raise RefusedError(f"{path} n'est pas une liste du dépôt ; signez archives et listes en attente, rien d'autre")
    if root is not None:
        _check_allowed(signer, root)
    metadata.sign(signer, append=True)
    write_atomically(path, encode(metadata))
    return Count(len(metadata.signatures), 0) if root is None else _count(root, metadata)


def _check_allowed(signer: CryptoSigner, root: Root) -> None:
    if signer.public_key.keyid not in root.roles["targets"].keyids:
        raise RefusedError(
            f"cette clé ne signe pas les versions (racine {root.version}) ; prenez une des clés « targets » en vigueur"
        )


def _count(root: Root, metadata: Metadata[Targets]) -> Count:
    if not metadata.signatures:
        return Count(0, root.roles["targets"].threshold)
    found = root.get_verification_result("targets", metadata.signed_bytes, metadata.signatures)
    return Count(len(found.signed), found.threshold)


def _rewrite(archive: Path, roots: Sequence[bytes], release: bytes, rest: int) -> None:
    """The archive with another head; `rest` is where what follows began."""
    temporary = archive.with_name(f".{archive.name}.part")
    try:
        with archive.open("rb") as source, temporary.open("wb") as target:
            for number, root in enumerate(roots, start=1):
                target.write(tar_member(root_name(number), root))
            target.write(tar_member(RELEASE, release))
            source.seek(rest)
            shutil.copyfileobj(source, target, PACK_BYTES)
            target.flush()
            os.fsync(target.fileno())
        temporary.replace(archive)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    fsync_dir(archive.parent)
