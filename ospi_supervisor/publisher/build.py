"""Building a full archive: the same tree gives the same bytes (signatures and their date aside)."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Metadata, TargetFile, Targets

from ospi_supervisor.archive import layout
from ospi_supervisor.archive.entries import Entry, EntryKind, checked, encode_entry
from ospi_supervisor.archive.frames import pack_against
from ospi_supervisor.archive.manifest import decode_manifest, encode_manifest
from ospi_supervisor.domain.manifest import Manifest
from ospi_supervisor.errors import RefusedError
from ospi_supervisor.files import fsync_dir
from ospi_supervisor.publisher.keys import load_signers, root_chain, sign
from ospi_supervisor.publisher.packs import PackWriter, Written
from ospi_supervisor.publisher.payload import Packer, scan

_INDEX_LEVEL = 19


@dataclass(frozen=True, kw_only=True)
class Sources:
    """What a release is built from. `expires` (aware, UTC) is the date of its signatures."""

    payload: Path
    notice: Path
    hooks: Path | None
    keys: Path
    expires: datetime


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What an archive is assembled from: its packs lie in `spool`, whole members described by `packs`.

    `base_listing` is what the installed release holds (`archive.tree.listing`): a delta's index is packed against it.
    """

    manifest: Manifest
    notice: bytes
    entries: Sequence[Entry]
    packs: Sequence[Written]
    spool: BinaryIO
    base_listing: bytes = b""


def build(sources: Sources, manifest: Manifest, output: Path) -> Manifest:
    """Write the archive of `manifest` to `output`, whole or not at all; returns the manifest with its totals.

    RefusedError where the tree, the manifest or a key cannot make an archive that a hospital would accept.
    """
    load_signers(sources.keys, "targets")  # a missing key is told before anything is compressed
    items = scan(sources.payload, sources.hooks, manifest.writable)
    _check_hooks(manifest, {item.path: item.mode for item in items if item.kind is EntryKind.FILE})
    with tempfile.TemporaryFile(dir=output.parent) as spool:
        packer = Packer(PackWriter(spool))
        entries = [packer.entry(item) for item in items]
        packer.writer.finish()
        manifest = replace(manifest, entries=len(entries), unpacked_bytes=sum(entry.size for entry in entries))
        notice, packs = sources.notice.read_bytes(), packer.writer.written
        parts = Parts(manifest=manifest, notice=notice, entries=entries, packs=packs, spool=spool)
        assemble(parts, sources.keys, sources.expires, output)
    return manifest


def assemble(parts: Parts, keys: Path, expires: datetime, output: Path) -> None:
    """Sign `parts` by the keys in the folder `keys` and write the archive to `output`, whole or not at all.

    `expires` (aware, UTC) is the date of the signatures. RefusedError, ArchiveError where a hospital would refuse it.
    """
    for _ in checked(parts.entries, parts.manifest):  # what a hospital would refuse is refused here first
        continue
    head = _head(parts, root_chain(keys), load_signers(keys, "targets"), expires)
    temporary = output.with_name(f".{output.name}.part")
    try:
        with temporary.open("wb") as file:
            file.write(head)
            parts.spool.seek(0)
            shutil.copyfileobj(parts.spool, file, layout.PACK_BYTES)
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


def _head(parts: Parts, roots: Sequence[bytes], signers: list[CryptoSigner], expires: datetime) -> bytes:
    """All that stands before the packs."""
    lines = b"".join(map(encode_entry, parts.entries))
    data_of = {
        layout.MANIFEST: encode_manifest(parts.manifest),
        layout.NOTICE: parts.notice,
        layout.INDEX: pack_against(parts.base_listing, lines, _INDEX_LEVEL),
    }
    decode_manifest(data_of[layout.MANIFEST])
    if len(data_of[layout.INDEX]) > layout.MAX_INDEX or len(data_of[layout.NOTICE]) > layout.MAX_INDEX:
        raise RefusedError("l'index ou la notice dépassent 64 Mio ; réduisez-les")
    members = [Written(name, len(data), hashlib.sha256(data).hexdigest(), len(lines)) for name, data in data_of.items()]
    release = sign(release_metadata(parts.manifest, [*members, *parts.packs], expires), signers)
    blocks = [tar_member(layout.root_name(number), root) for number, root in enumerate(roots, start=1)]
    blocks.append(tar_member(layout.RELEASE, release))
    blocks += [tar_member(name, data) for name, data in data_of.items()]
    return b"".join(blocks)


def _check_hooks(manifest: Manifest, files: dict[bytes, int]) -> None:
    for hook in manifest.hooks:
        mode = files.get(os.fsencode(f"hooks/{hook.name}"))
        if mode is None or mode & 0o005 != 0o005:
            raise RefusedError(
                f"le programme « hooks/{hook.name} » est absent de la version, ou n'est pas lisible et exécutable par"
                " tous : le compte de la plateforme l'exécute (chmod a+rx)"
            )
