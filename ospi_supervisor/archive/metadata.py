"""TUF metadata (python-tuf) in one exact form: compact JSON with sorted keys.

Signatures cover the parsed content. Accepting a single spelling of it makes every byte of an archive count.
"""

import re
from typing import Any, TypeVar

from tuf.api.metadata import Metadata, Root, Targets
from tuf.api.serialization import DeserializationError, SerializationError
from tuf.api.serialization.json import JSONSerializer

from ospi_supervisor.archive.recognise import altered

_Kind = TypeVar("_Kind", Root, Targets)


def encode(metadata: Metadata[Any]) -> bytes:
    """The one accepted spelling of `metadata`."""
    return metadata.to_bytes(JSONSerializer(compact=True))


def decode_root(name: str, data: bytes) -> Metadata[Root]:
    """Root metadata; ArchiveError(tampered), naming the member `name`, where `data` is anything else."""
    return _decode(name, data, Root)


def decode_targets(name: str, data: bytes) -> Metadata[Targets]:
    """Targets metadata; ArchiveError(tampered), naming the member `name`, where `data` is anything else."""
    return _decode(name, data, Targets)


def _decode(name: str, data: bytes, kind: type[_Kind]) -> Metadata[_Kind]:
    try:
        metadata: Metadata[Any] = Metadata.from_bytes(data)
        spelled = encode(metadata)
    except (DeserializationError, SerializationError) as error:
        raise altered(name, "métadonnées illisibles") from error
    if spelled != data or not isinstance(metadata.signed, kind):
        raise altered(name, "métadonnées inattendues")
    for signature in metadata.signatures.values():
        # The library also reads upper case: a second spelling of the same signature.
        if not isinstance(signature.signature, str) or not re.fullmatch(r"([0-9a-f]{2})*", signature.signature):
            raise altered(name, "signature illisible")
    return metadata
