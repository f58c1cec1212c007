"""Building a full archive: the same tree gives the same bytes (signatures and their date aside)."""

import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Metadata, TargetFile, Targets

from ospi_supervisor.archive import layout
from ospi_supervisor.archive.entries import Entry, checked, encode_entry
from ospi_supervisor.archive.frames import pack_against
from ospi_supervisor.archive.manifest import decode_manifest, encode_manifest
from ospi_supervisor.domain.manifest import Manifest
from ospi_supervisor.errors import RefusedError
from ospi_supervisor.publisher.keys import available_signers, load_signers, root_chain, sign
from ospi_supervisor.publisher.packs import LEVEL, PackWriter, Written
from ospi_supervisor.publisher.payload import Item, Packer, scan
from ospi_supervisor.publisher.preflight import check_options, check_sbom, check_tree
from ospi_supervisor.system.files import fsync_dir

_DELTA_INDEX_LEVEL = 19
"""A full archive's index takes a pack's level: digests, which nothing makes smaller, are most of it."""


@dataclass(frozen=True, kw_only=True)
class Sources:
    """What a release is built from. `expires` (aware, UTC) dates its signatures, which others add if
    `unsigned`; `sbom` is a bill of materials."""

    payload: Path
    notice: Path
    sbom: Path | None = None
    hooks: Path | None
    keys: Path
    expires: datetime
    unsigned: bool = False


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What an archive is assembled from: its packs lie in `spool`, whole members described by `packs`.

    `index` is what `index_lines` made. `base_listing` is what the installed release holds (`archive.tree.listing`): a
    delta's index is packed against it.
    """

    manifest: Manifest
    notice: bytes
    index: bytearray
    packs: Sequence[Written]
    spool: BinaryIO
    sbom: bytes | None = None
    base_listing: bytes = b""


def build(sources: Sources, manifest: Manifest, output: Path) -> Manifest:
    """Write the archive of `manifest` to `output`, whole or not at all; returns the manifest with its totals.

    RefusedError where the tree, the manifest or a key cannot make an archive that a hospital would accept.
    """
    # All that can be refused is, before anything is compressed.
    check_options(manifest, sources.notice, output, sources.payload)
    if sources.sbom is not None:
        check_sbom(sources.sbom)
    signers = signers_of(sources.keys, unsigned=sources.unsigned)
    items = scan(sources.payload, sources.hooks, manifest.writable)
    check_tree(items, manifest)
    manifest = replace(manifest, entries=len(items), unpacked_bytes=sum(item.size for item in items))
    with tempfile.TemporaryFile(dir=output.parent) as spool, PackWriter(spool) as writer:
        packer = Packer(writer, items)
        index = index_lines(map(packer.entry, _given_up(items)), manifest)
        notice, packs = sources.notice.read_bytes(), writer.finish()
        sbom = None if sources.sbom is None else sources.sbom.read_bytes()
        parts = Parts(manifest=manifest, notice=notice, index=index, packs=packs, spool=spool, sbom=sbom)
        assemble(parts, root_chain(sources.keys), signers, sources.expires, output)
    return manifest


def signers_of(keys: Path, *, unsigned: bool) -> list[CryptoSigner]:
    """The keys in the folder `keys` that sign a release: all that are there, others sign elsewhere; none if `unsigned`.

    RefusedError where there is none, though some were to sign.
    """
    signers = [] if unsigned else available_signers(keys, "targets")
    if not signers and not unsigned:
        load_signers(keys, "targets")  # says what is missing
    return signers


def _given_up(items: list[Item]) -> Iterator[Item]:
    """Each of `items`, of which the list forgets it: what is made of them takes their memory."""
    items.reverse()
    while items:
        yield items.pop()


def index_lines(entries: Iterable[Entry], manifest: Manifest) -> bytearray:
    """The index of `entries`, each taken as it comes; ArchiveError at the first that a hospital would refuse."""
    lines = bytearray()
    for entry in checked(entries, manifest):
        lines += encode_entry(entry)
    return lines


def assemble(
    parts: Parts, chain: Sequence[bytes], signers: Sequence[CryptoSigner], expires: datetime, output: Path
) -> None:
    """Sign `parts` by `signers`, under the roots `chain`, and write the archive to `output`, whole or not at all.

    `expires` (aware, UTC) is the date of the signatures. RefusedError, ArchiveError where a hospital would refuse it.
    """
    head = _head(parts, chain, signers, expires)
    temporary = output.with_name(f".{output.name}.part")
    try:
        with temporary.open("wb") as file:
            file.write(head)
            file.flush()
            parts.spool.flush()
            offset = 0
            while count := os.sendfile(file.fileno(), parts.spool.fileno(), offset, layout.MAX_PACK):
                offset += count
            file.write(layout.END)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(output)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    fsync_dir(output.parent)


def release_metadata(manifest: Manifest, members: Iterable[Written], expires: datetime) -> Metadata[Targets]:
    """`release.json`, unsigned yet, for `members`."""
    targets = {
        member.name: TargetFile(
            member.length,
            {"sha256": member.sha256},
            member.name,
            {"custom": {"unpacked": member.unpacked}} if member.name.endswith(".zst") else {},
        )
        for member in members
    }
    stamp = {"kind": "release", "product": manifest.product, "version": manifest.version}
    return Metadata(Targets(1, None, expires, targets, None, {"x-ospi": stamp}))


def tar_member(name: str, data: bytes) -> bytes:
    """A member as it stands in the archive: header, data, padding."""
    return layout.header_block(name, len(data)) + data + bytes(layout.padding(len(data)))


def _head(parts: Parts, roots: Sequence[bytes], signers: Sequence[CryptoSigner], expires: datetime) -> bytes:
    """All that stands before the packs."""
    level = _DELTA_INDEX_LEVEL if parts.base_listing else LEVEL
    data_of = {
        layout.MANIFEST: encode_manifest(parts.manifest),
        layout.NOTICE: parts.notice,
        **({} if parts.sbom is None else {layout.SBOM: parts.sbom}),
        layout.INDEX: pack_against(parts.base_listing, parts.index, level),
    }
    decode_manifest(data_of[layout.MANIFEST])
    if len(data_of[layout.INDEX]) > layout.MAX_INDEX or len(data_of[layout.NOTICE]) > layout.MAX_NOTICE:
        raise RefusedError("l'index ou la notice dépassent 32 Mio ; réduisez-les")
    if len(parts.index) > layout.MAX_INDEX_UNPACKED:
        raise RefusedError("l'index dépasse 96 Mio une fois décompressé ; réduisez le nombre ou les noms des fichiers")
    members = [
        Written(name, len(data), hashlib.sha256(data).hexdigest(), len(parts.index)) for name, data in data_of.items()
    ]
    release = sign(release_metadata(parts.manifest, [*members, *parts.packs], expires), signers)
    if len(release) > layout.MAX_METADATA:
        raise RefusedError("les métadonnées de l'archive dépassent 4 Mio ; réduisez la version")
    blocks = [tar_member(layout.root_name(number), root) for number, root in enumerate(roots, start=1)]
    blocks.append(tar_member(layout.RELEASE, release))
    blocks += [tar_member(name, data) for name, data in data_of.items()]
    return b"".join(blocks)
