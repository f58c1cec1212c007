"""The archive that takes one release to another: packs of what is new, patches of what changed, nothing of the rest."""

import hashlib
import os
import tempfile
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from backports import zstd
from msgspec import structs

from ospi_supervisor.archive.assembly import encode_records
from ospi_supervisor.archive.entries import ASSEMBLED_SINCE, Entry
from ospi_supervisor.archive.frames import pack_against
from ospi_supervisor.archive.header import read_member
from ospi_supervisor.archive.layout import MAX_PACK, MAX_PATCHED, NOTICE, SBOM
from ospi_supervisor.archive.layout import PACK_BYTES as FULL_PACK_BYTES
from ospi_supervisor.archive.reader import Archive
from ospi_supervisor.archive.tree import listing
from ospi_supervisor.archive.trust import Trust
from ospi_supervisor.domain.manifest import ArchiveKind, Manifest
from ospi_supervisor.domain.versions import is_newer
from ospi_supervisor.errors import RefusedError
from ospi_supervisor.publisher.build import Parts, assemble, index_lines, signers_of
from ospi_supervisor.publisher.contents import Contents
from ospi_supervisor.publisher.keys import root_chain
from ospi_supervisor.publisher.long_files import Comparison
from ospi_supervisor.publisher.packs import PackWriter
from ospi_supervisor.publisher.similar import Similar

LEVEL = 19
PACK_BYTES = 4 * 1024**2
"""Larger than a full archive's: a delta is made to be small, and unpacks in no time."""

_HELD_BYTES = 128 * 1024**2  # of files being patched, their bases included, before the next pair is read
_MOST_AHEAD = 1000  # changes waiting for one that is not done
_ESTIMATE_LEVEL = 9
_SHORTEST_BASE = 64  # bytes; a shorter one saves nothing


def build_delta(
    old: Path, new: Path, keys: Path, now: datetime, expires: datetime, output: Path, *, unsigned: bool = False
) -> Manifest:
    """Write to `output` the archive that takes the release of the full archive `old` to that of `new`; its manifest.

    Both must be the vendor's. The same archives give the same bytes, signatures aside. RefusedError, ArchiveError,
    OSError.
    """
    chain, signers = root_chain(keys), signers_of(keys, unsigned=unsigned)
    with (
        Archive.open(old, Trust(chain[0]), now) as before,  # the keys that signed it may be retired since
        Archive.open(new, Trust(chain[-1]), now) as after,
        tempfile.TemporaryFile(dir=output.parent) as spool,
        PackWriter(spool, LEVEL, PACK_BYTES) as writer,
    ):
        _check_pair(before.manifest, after.manifest)
        base = list(before.entries())
        found = listing(base)
        changes = _Delta(before, base, after, writer)
        manifest = replace(
            after.manifest,
            format=ASSEMBLED_SINCE,
            kind=ArchiveKind.DELTA,
            base=before.manifest.version,
            base_listing=hashlib.sha256(found).hexdigest(),
        )
        index = index_lines(changes.entries(), manifest)
        manifest = replace(manifest, format=changes.format)
        parts = Parts(
            manifest=manifest,
            notice=read_member(after.file, after.header, NOTICE),
            sbom=read_member(after.file, after.header, SBOM) if after.header.summary.has_sbom else None,
            index=index,
            packs=writer.finish(),
            spool=spool,
            base_listing=found,
        )
        assemble(parts, chain, signers, expires, output)
    return manifest


def _check_pair(old: Manifest, new: Manifest) -> None:
    for manifest in (old, new):
        if manifest.kind is not ArchiveKind.FULL:
            raise RefusedError(f"l'archive de la version {manifest.version} n'est pas complète ; donnez la complète")
    if old.product != new.product or not is_newer(new.version, old.version):
        raise RefusedError(
            f"{new.product} {new.version} ne remplace pas {old.product} {old.version} ;"
            " donnez l'ancienne archive, puis la nouvelle, d'un même produit"
        )


@dataclass(frozen=True)
class _Change:
    """One entry of the new release, and the patch being made for it, which holds so many bytes."""

    entry: Entry
    base: Entry | None = None
    patch: "Future[bytes | None] | None" = None
    held: int = 0


class _Delta:
    """Finds for each file of the new release the shortest way to it."""

    def __init__(self, before: Archive, base: Iterable[Entry], after: Archive, writer: PackWriter) -> None:
        altered = tuple(os.fsencode(folder) + b"/" for folder in before.manifest.writable)
        usable = [entry for entry in base if entry.size and not entry.path.startswith(altered)]
        self._installed = {entry.sha256 for entry in usable}
        self._similar = Similar(entry for entry in usable if _SHORTEST_BASE <= entry.size <= MAX_PATCHED)
        self._long = Similar(entry for entry in usable if entry.size > FULL_PACK_BYTES)
        self._old, self._new = Contents(before), Contents(after)
        self._writer = writer
        self._places: dict[bytes, Entry] = {}
        self.format = 1

    def entries(self) -> Iterator[Entry]:
        """The entries of the delta, in order; their contents go to the writer."""
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for change in _ahead(self._changes(pool)):
                yield self._entry(change)

    def _changes(self, pool: ThreadPoolExecutor) -> Iterator[_Change]:
        begun: set[bytes] = set()
        for entry in self._new.archive.entries():
            base = None
            if self._is_changed(entry) and entry.size <= MAX_PATCHED and entry.sha256 not in begun:
                base = self._similar.to(entry)
            if base is None:
                yield _Change(entry)
                continue
            begun.add(entry.sha256)
            patch = pool.submit(_patch, self._old.read(base), self._new.read(entry))
            yield _Change(entry, base, patch, base.size + entry.size)

    def _is_changed(self, entry: Entry) -> bool:
        return entry.size > 0 and entry.sha256 not in self._installed

    def _entry(self, change: _Change) -> Entry:
        if not self._is_changed(change.entry):
            return structs.replace(change.entry, pack=None, offset=0)
        place = self._places.setdefault(change.entry.sha256, change.entry)
        if place is change.entry:
            place = self._places[place.sha256] = self._stored(change)
        return structs.replace(change.entry, pack=place.pack, offset=place.offset, base=place.base, length=place.length)

    def _stored(self, change: _Change) -> Entry:
        entry, patch = change.entry, None if change.patch is None else change.patch.result()
        if patch is not None and change.base is not None:
            pack, offset = self._writer.add(patch)
            return structs.replace(entry, pack=pack, offset=offset, base=change.base.sha256, length=len(patch))
        if (base := self._base_of_long(entry)) is not None:
            return self._assembled(entry, base)
        if entry.size <= PACK_BYTES:
            pack, offset = self._writer.add(self._new.read(entry))
        else:
            pack, offset = self._writer.add_long(_regrouped(self._new.chunks(entry)))
        return structs.replace(entry, pack=pack, offset=offset)

    def _base_of_long(self, entry: Entry) -> Entry | None:
        return self._long.to(entry) if entry.size > MAX_PATCHED and self._is_changed(entry) else None

    def _assembled(self, entry: Entry, base: Entry) -> Entry:
        pieces = Comparison(self._old, base).pieces(self._new, entry)
        self.format = ASSEMBLED_SINCE
        length = 0

        def counted() -> Iterator[bytes]:
            nonlocal length
            for chunk in encode_records(pieces):
                length += len(chunk)
                yield chunk

        pack, offset = self._writer.add_long(_regrouped(counted()))
        return structs.replace(entry, pack=pack, offset=offset, base=base.sha256, length=length)


def _ahead(changes: Iterable[_Change]) -> Iterator[_Change]:
    """`changes` again, some of them begun before they are asked for: as many as memory allows."""
    waiting: deque[_Change] = deque()
    held = 0
    for change in changes:
        waiting.append(change)
        held += change.held
        while held > _HELD_BYTES or len(waiting) > _MOST_AHEAD:
            held -= waiting[0].held
            yield waiting.popleft()
    yield from waiting


def _patch(base: bytes, data: bytes) -> bytes | None:
    """The patch from `base` to `data`; None where `data` alone is about as small."""
    patch = pack_against(base, data, LEVEL)
    return patch if len(patch) < len(zstd.compress(data, _ESTIMATE_LEVEL)) and len(patch) <= MAX_PACK else None


def _regrouped(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The bytes of `chunks`, as much at a time as goes in a pack."""
    held = b""
    for chunk in chunks:
        held += chunk
        while len(held) >= PACK_BYTES:
            yield held[:PACK_BYTES]
            held = held[PACK_BYTES:]
    if held:
        yield held
