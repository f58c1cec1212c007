"""TUF metadata (python-tuf) in one exact form: compact JSON with sorted keys.

Signatures cover the parsed content. Accepting a single spelling of it makes every byte of an archive count. Nothing
is signed yet when this is read: the shape is held against bounds first, so that what follows costs little whatever
the bytes are, and whatever a library raises is a refusal.
"""

from typing import Annotated, Any, Literal, TypeVar

import msgspec
from tuf.api.metadata import Metadata, Root, Targets
from tuf.api.serialization.json import JSONSerializer

from ospi_supervisor.archive.layout import MAX_METADATA, MAX_ROOT
from ospi_supervisor.archive.refusals import altered, foreign_errors_refused

MAX_KEYS = 32
"""The most keys, and the most signatures, that metadata may list: each signature costs a look at all the bytes."""

_Kind = TypeVar("_Kind", Root, Targets)

_Hex64 = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]
# The library also reads upper case: a second spelling of the same signature.
_Signed = Annotated[str, msgspec.Meta(pattern=r"\A([0-9a-f]{2}){0,64}\Z")]
_KeyId = Annotated[str, msgspec.Meta(max_length=128)]


class _Signature(msgspec.Struct, forbid_unknown_fields=True):
    keyid: _KeyId
    sig: _Signed


class _KeyValue(msgspec.Struct):
    public: _Hex64


class _Key(msgspec.Struct):
    """Ed25519 and nothing else: each further algorithm is code that an unsigned file could reach."""

    keytype: Literal["ed25519"]
    scheme: Literal["ed25519"]
    keyval: _KeyValue


class _Role(msgspec.Struct):
    keyids: Annotated[list[_KeyId], msgspec.Meta(max_length=MAX_KEYS)]
    threshold: int


class _Root(msgspec.Struct):
    keys: Annotated[dict[_KeyId, _Key], msgspec.Meta(max_length=4 * MAX_KEYS)]
    roles: Annotated[dict[str, _Role], msgspec.Meta(max_length=4)]


class _Hashes(msgspec.Struct, forbid_unknown_fields=True):
    sha256: str


class _Custom(msgspec.Struct, forbid_unknown_fields=True):
    unpacked: int | None = None


class _Target(msgspec.Struct, forbid_unknown_fields=True):
    hashes: _Hashes
    length: int
    custom: _Custom | None = None


class _Stamp(msgspec.Struct, forbid_unknown_fields=True):
    kind: str
    product: str | int | None = None  # that both are text is said apart, in words of its own
    version: str | int | None = None


class _StampKind(msgspec.Struct):
    kind: str


class _Targets(msgspec.Struct, forbid_unknown_fields=True, rename={"kind": "_type", "stamp": "x-ospi"}):
    """No delegations, and nothing unknown: megabytes of it would weigh a hundred in memory."""

    kind: str
    expires: str
    spec_version: str
    version: int
    targets: dict[str, _Target]
    stamp: _Stamp | None = None


class _Said(msgspec.Struct, rename={"stamp": "x-ospi"}):
    stamp: _StampKind | None = None


class _Purpose(msgspec.Struct):
    """What the metadata say that they are for; all else is skipped."""

    signed: _Said


_Signatures = Annotated[list[_Signature], msgspec.Meta(max_length=MAX_KEYS)]


class _RootDocument(msgspec.Struct, forbid_unknown_fields=True):
    signatures: _Signatures
    signed: _Root


class _TargetsDocument(msgspec.Struct, forbid_unknown_fields=True):
    signatures: _Signatures
    signed: _Targets


_root_shape = msgspec.json.Decoder(_RootDocument)
_purpose = msgspec.json.Decoder(_Purpose)
_targets_shape = msgspec.json.Decoder(_TargetsDocument)


def encode(metadata: Metadata[Any]) -> bytes:
    """The one accepted spelling of `metadata`."""
    return metadata.to_bytes(JSONSerializer(compact=True))


def decode_root(name: str, data: bytes) -> Metadata[Root]:
    """Root metadata; ArchiveError(tampered), naming the member `name`, where `data` is anything else."""
    with foreign_errors_refused(name, "métadonnées illisibles"):
        _root_shape.decode(data)
    return decode_proven_root(name, data)


def decode_proven_root(name: str, data: bytes) -> Metadata[Root]:
    """The same for a root that is trusted, or that a trusted one proves: TUF's other kinds of keys may sign it."""
    if len(data) > MAX_ROOT:
        raise altered(name, "longueur excessive")
    return _decode(name, data, Root)


def decode_release(name: str, data: bytes) -> Metadata[Targets]:
    """Targets metadata whose field `x-ospi` is of kind « release »; ArchiveError(tampered), naming the member `name`,
    where `data` is anything else."""
    if len(data) > MAX_METADATA:
        raise altered(name, "longueur excessive")
    with foreign_errors_refused(name, "métadonnées illisibles"):
        stamp = _purpose.decode(data).signed.stamp
    if stamp is None or stamp.kind != "release":
        raise altered(name, "ces métadonnées ne sont pas celles d'une version")
    with foreign_errors_refused(name, "métadonnées illisibles"):
        _targets_shape.decode(data)
    return _decode(name, data, Targets)


def respelled(data: bytes) -> bytes:
    """The root in `data`, which other tools may have indented, in the accepted spelling; `data` where it is none.

    Nothing is proven by it: signatures cover what is said, not how it is spelled. Those of the root's own keys that
    are wrong go where there are enough without them: some tools write an empty one for whoever has not signed yet.
    """
    try:
        metadata: Metadata[Root] = Metadata.from_bytes(data)
        own = metadata.signed.get_verification_result("root", metadata.signed_bytes, metadata.signatures)
        for keyid in set(own.unsigned) & set(metadata.signatures) if own.verified else ():
            del metadata.signatures[keyid]
        return encode(metadata)
    except Exception:  # noqa: BLE001 - whatever a library raises over it, the judge of the bytes refuses it in words
        return data


def _decode(name: str, data: bytes, kind: type[_Kind]) -> Metadata[_Kind]:
    """What python-tuf makes of `data`, whose shape was held against its bounds."""
    with foreign_errors_refused(name, "métadonnées illisibles"):
        metadata: Metadata[Any] = Metadata.from_bytes(data)
        spelled = encode(metadata)
    if spelled != data or not isinstance(metadata.signed, kind):
        raise altered(name, "métadonnées inattendues")
    return metadata
