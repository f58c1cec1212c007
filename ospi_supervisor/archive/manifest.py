"""`manifest.json` as bytes: the decoder and the encoder of `domain.manifest.Manifest`."""

import re

import msgspec

from ospi_supervisor.archive.layout import MANIFEST
from ospi_supervisor.archive.refusals import foreign_errors_refused, unsafe
from ospi_supervisor.domain.manifest import FORMAT, Manifest, check_manifest, check_possible
from ospi_supervisor.domain.versions import parse_version
from ospi_supervisor.errors import ArchiveError, RefusedError


class _Format(msgspec.Struct):
    format: int


def encode_manifest(manifest: Manifest) -> bytes:
    """The member `manifest.json`: the format first, then the other fields by name."""
    fields = msgspec.to_builtins(manifest)
    ordered = {"format": fields.pop("format"), **dict(sorted(fields.items()))}
    return msgspec.json.format(msgspec.json.encode(ordered), indent=0)


def decode_manifest(data: bytes) -> Manifest:
    """The manifest in `data`, whose signature was checked; ArchiveError where it is unusable or unsafe."""
    with foreign_errors_refused(MANIFEST, "manifeste illisible"):
        announced = msgspec.json.decode(data, type=_Format).format
        if announced > FORMAT:
            check_manifest(Manifest(product="", version="", format=announced))
        manifest = msgspec.json.decode(data, type=Manifest)
    check_usable(manifest)
    return manifest


def check_usable(manifest: Manifest) -> None:
    """ArchiveError where no server would ever install what `manifest` describes: readers and the publisher ask here."""
    check_manifest(manifest)
    _check_names(manifest)
    check_possible(manifest)


def _check_names(manifest: Manifest) -> None:
    """Product and version become file names."""
    for text in (manifest.product, manifest.version):
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._+!-]{0,99}", text):
            raise unsafe(f"nom impropre dans le manifeste : {text!r}")
    try:
        parse_version(manifest.version)
    except RefusedError as error:
        raise ArchiveError(str(error), code="unsafe") from error
