"""The repository's list, where several people sign it: it waits beside the repository until enough of them have."""

import secrets
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tuf.api.metadata import Metadata, Root, Targets
from tuf.api.serialization import DeserializationError

from ospi_supervisor.archive.metadata import encode
from ospi_supervisor.domain.words import counted
from ospi_supervisor.errors import RefusedError
from ospi_supervisor.publisher.keys import midnight
from ospi_supervisor.publisher.state import IDENTITY, Signers, State
from ospi_supervisor.system.files import write_atomically

TARGETS_VALIDITY = timedelta(days=365)


def next_targets(folder: Path, state: State, signers: Signers, root: Root, now: datetime) -> bytes:
    """The next list, signed; where the keys here are too few, the one in `folder` that others have signed.

    RefusedError where they have not yet: it lies there for them.
    """
    targets = state.targets
    targets.version += 1
    targets.expires = midnight(now) + TARGETS_VALIDITY
    waiting = folder / f"{targets.version}.targets.json"
    if waiting.exists():
        found = read_list(waiting)
        if _lists_the_same(found.signed, targets):
            state.targets = found.signed
            if root.get_verification_result("targets", found.signed_bytes, found.signatures).verified:
                return encode(found)
            raise _awaited(waiting, found, root)
    targets.unrecognized_fields.setdefault(IDENTITY, secrets.token_hex(16))
    metadata: Metadata[Targets] = Metadata(targets)
    for signer in signers("targets"):
        metadata.sign(signer, append=True)
    result = root.get_verification_result("targets", metadata.signed_bytes, metadata.signatures)
    if not result.verified:
        folder.mkdir(exist_ok=True)
        write_atomically(waiting, encode(metadata))
        raise _awaited(waiting, metadata, root)
    return encode(metadata)


def read_list(path: Path) -> Metadata[Targets]:
    """The list in the file `path`; RefusedError where it is none."""
    try:
        metadata: Metadata[Any] = Metadata.from_bytes(path.read_bytes())
    except DeserializationError as error:
        raise RefusedError(f"{path} n'est pas une liste de dépôt ; supprimez ce fichier et relancez") from error
    if not isinstance(metadata.signed, Targets):
        raise RefusedError(f"{path} n'est pas une liste de dépôt ; supprimez ce fichier et relancez")
    return metadata


def _awaited(waiting: Path, metadata: Metadata[Targets], root: Root) -> RefusedError:
    """What the people do who have still to sign the repository's list."""
    result = root.get_verification_result("targets", metadata.signed_bytes, metadata.signatures)
    return RefusedError(
        f"la liste du dépôt porte {counted(len(result.signed), 'signature', 'signatures')} « targets »,"
        f" il en faut {result.threshold} : faites"
        f" signer {waiting} par « ospi-release sign », puis relancez cette commande"
    )


def _lists_the_same(one: Targets, other: Targets) -> bool:
    """Whether two lists say the same, apart from the day on which they were made."""

    def said(targets: Targets) -> dict[str, object]:
        return {
            path: (target.length, target.hashes, {**(target.custom or {}), "date": None})
            for path, target in targets.targets.items()
        }

    identity = other.unrecognized_fields.get(IDENTITY, one.unrecognized_fields.get(IDENTITY))
    return said(one) == said(other) and one.unrecognized_fields.get(IDENTITY) == identity
