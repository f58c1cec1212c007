"""The head of an archive, known as soon as its first bytes are there, and the proof of each further member."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO

from tuf.api.metadata import TargetFile

from ospi_supervisor.archive import layout
from ospi_supervisor.archive.manifest import decode_manifest
from ospi_supervisor.archive.refusals import altered, incomplete, refusal, unsigned
from ospi_supervisor.archive.trust import SignedRelease, Trust
from ospi_supervisor.domain.manifest import Manifest, ReleaseSummary

_MAX_LENGTHS = {
    layout.MANIFEST: layout.MAX_MANIFEST,
    layout.NOTICE: layout.MAX_NOTICE,
    layout.SBOM: layout.MAX_SBOM,
    layout.INDEX: layout.MAX_INDEX,
}
_CHUNK = 128 * 1024  # larger blocks come fresh from the system, cleared, each time


@dataclass(frozen=True)
class Member:
    """One signed member. `offset` is that of its data in the file, `sha256` in hexadecimal.

    `unpacked` is how many bytes its zstd frame holds; None for a member that is not compressed.
    """

    name: str
    offset: int
    length: int
    sha256: str
    unpacked: int | None = None

    @property
    def start(self) -> int:
        """Where its tar block begins."""
        return self.offset - layout.BLOCK

    @property
    def end(self) -> int:
        """Where the next member's tar block begins."""
        return self.offset + self.length + layout.padding(self.length)


@dataclass(frozen=True)
class Header:
    """What is proven of an archive before its contents are. `size` is the exact length of the whole file."""

    manifest: Manifest
    summary: ReleaseSummary
    members: tuple[Member, ...]
    size: int
    newest_root: bytes

    def member(self, name: str) -> Member:
        """The member called `name`; ArchiveError where it was not signed."""
        for member in self.members:
            if member.name == name:
                return member
        raise altered(name, "absent des métadonnées signées")

    @property
    def packs(self) -> tuple[Member, ...]:
        """The packs, by number."""
        return tuple(member for member in self.members if member.name.startswith("packs/"))


def read_header(file: BinaryIO, available: int, total: int | None, trust: Trust, now: datetime) -> Header | None:
    """The header of the archive of which the first `available` bytes are in `file`; None if it needs more of them.

    `total` is the length announced for the whole file: one that cannot be right is refused at once. Raises
    ArchiveError; `now` (aware) only tells whether signatures are past their date, which is no refusal.
    """
    cursor = _Cursor(file, available)
    try:
        return _read(cursor, total, trust, now)
    except _NeedMoreError:
        if total is None or available < total:
            return None
        raise incomplete(available) from None


def read_signed_part(file: BinaryIO, available: int) -> tuple[list[bytes], bytes, int]:
    """The roots, `release.json` and the offset of what follows, none of it proven; ArchiveError where there is none.

    For the publisher, who signs what is there; `read_header` is for everybody else.
    """
    cursor = _Cursor(file, available)
    try:
        _check_first_block(cursor, available)
        roots, release = _read_metadata(cursor)
    except _NeedMoreError:
        raise incomplete(available) from None
    return roots, release, cursor.position


def prove(file: BinaryIO, header: Header, start: int, available: int) -> int:
    """Hash every member that begins at or after `start` and lies within the first `available` bytes.

    Returns the boundary reached, from which the next call goes on; it equals `header.size` once the whole file is
    proven. `start` is 0 or an earlier call's boundary. ArchiveError(tampered) at the first bad member.
    """
    if available > header.size:
        raise altered("fin de l'archive", "des octets en trop")
    boundary = max(start, header.members[0].start)
    for member in header.members:
        if member.start >= boundary and member.end <= available:
            _prove_member(file, member)
            boundary = member.end
    if boundary == header.members[-1].end and available == header.size:
        file.seek(boundary)
        if file.read(len(layout.END)) != layout.END:
            raise altered("fin de l'archive")
        boundary = header.size
    return boundary


def read_member(file: BinaryIO, header: Header, name: str) -> bytes:
    """The bytes of member `name`, proven as they are read; ArchiveError otherwise. For the small members only."""
    member = header.member(name)
    if member.length > _MAX_LENGTHS[name]:
        raise altered(name, "longueur excessive")
    file.seek(member.offset)
    data = file.read(member.length)
    if hashlib.sha256(data).hexdigest() != member.sha256:
        raise altered(name)
    return data


class _NeedMoreError(Exception):
    """The bytes asked for have not arrived."""


class _Cursor:
    """Walks the blocks of a file that is still arriving."""

    def __init__(self, file: BinaryIO, available: int) -> None:
        self._file, self._available, self.position = file, available, 0

    def take(self, count: int) -> bytes:
        if self.position + count > self._available:
            raise _NeedMoreError
        self._file.seek(self.position)
        data = self._file.read(count)
        if len(data) < count:
            raise incomplete(self.position + len(data))
        self.position += count
        return data

    def announced(self) -> tuple[str, int]:
        """Name and length in the next tar block."""
        found = layout.parse_block(self.take(layout.BLOCK))
        if found is None:
            raise altered(f"octet {self.position - layout.BLOCK}", "en-tête inattendu")
        return found

    def data(self, name: str, length: int, limit: int) -> bytes:
        if length > limit:
            raise altered(name, "longueur excessive")
        data = self.take(length)
        if any(self.take(layout.padding(length))):
            raise altered(name, "remplissage inattendu")
        return data


def _read(cursor: _Cursor, total: int | None, trust: Trust, now: datetime) -> Header | None:
    _check_first_block(cursor, total)
    roots, release_bytes = _read_metadata(cursor)
    newest = trust.extended(roots)
    release = newest.verify_release(release_bytes)
    members = _members(release.members, cursor.position)
    size = members[-1].end + len(layout.END)
    if total is not None and total < size:
        raise incomplete(total, size)
    if total is not None and total > size:
        raise altered("fin de l'archive", "des octets en trop")
    manifest = _read_manifest(cursor, members[0], release)
    summary = ReleaseSummary(
        product=manifest.product,
        version=manifest.version,
        kind=manifest.kind,
        requires=manifest.requires,
        signed_by=release.signed_by,
        expired=release.targets.is_expired(now) or newest.root.is_expired(now),
        base=manifest.base,
        size=size,
        severity=manifest.severity,
        fixes=manifest.fixes,
        support_until=manifest.support_until,
        has_sbom=layout.SBOM in release.members,
    )
    return Header(manifest, summary, members, size, newest.root_bytes)


def _check_first_block(cursor: _Cursor, total: int | None) -> None:
    whole = total is not None and total < layout.BLOCK
    head = cursor.take(total if whole and total is not None else layout.BLOCK)
    found = layout.parse_block(head)
    if found is None or found[0] != layout.root_name(1):
        raise refusal(head, whole)
    cursor.position = 0


def _read_metadata(cursor: _Cursor) -> tuple[list[bytes], bytes]:
    roots: list[bytes] = []
    name, length = cursor.announced()
    while name == layout.root_name(len(roots) + 1) and len(roots) < layout.MAX_ROOTS:
        roots.append(cursor.data(name, length, layout.MAX_ROOT))
        name, length = cursor.announced()
    if name == layout.MANIFEST:
        raise unsigned(f"{layout.RELEASE} est absent")
    if name != layout.RELEASE:
        raise altered(name, "élément inattendu")
    return roots, cursor.data(name, length, layout.MAX_METADATA)


def _members(targets: Mapping[str, TargetFile], position: int) -> tuple[Member, ...]:
    """The signed members in the order of the format, with the places that follow from their lengths."""
    fixed = [layout.MANIFEST, layout.NOTICE, *([layout.SBOM] if layout.SBOM in targets else []), layout.INDEX]
    packs = [layout.pack_name(number) for number in range(len(targets) - len(fixed))]
    if set(targets) != {*fixed, *packs}:
        raise altered(layout.RELEASE, "liste d'éléments inattendue")
    members = []
    for name in fixed + packs:
        member = _member(name, targets[name], position + layout.BLOCK)
        members.append(member)
        position = member.end
    return tuple(members)


def _member(name: str, target: TargetFile, offset: int) -> Member:
    sha256 = target.hashes.get("sha256")
    if not isinstance(target.length, int) or target.length > _MAX_LENGTHS.get(name, layout.MAX_PACK):
        raise altered(name, "longueur excessive")
    if not isinstance(sha256, str):
        raise altered(name, "empreinte absente")
    unpacked = target.custom.get("unpacked") if isinstance(target.custom, dict) else None
    compressed = name == layout.INDEX or name.startswith("packs/")
    if compressed and (not isinstance(unpacked, int) or unpacked < 0):
        raise altered(name, "longueur décompressée absente")
    if unpacked is not None and unpacked > (layout.MAX_INDEX_UNPACKED if name == layout.INDEX else layout.MAX_PACK):
        raise altered(name, "longueur décompressée excessive")
    return Member(name, offset, target.length, sha256, unpacked)


def _read_manifest(cursor: _Cursor, member: Member, release: SignedRelease) -> Manifest:
    if cursor.announced() != (member.name, member.length):
        raise altered(member.name, "en-tête inattendu")
    data = cursor.data(member.name, member.length, layout.MAX_MANIFEST)
    if hashlib.sha256(data).hexdigest() != member.sha256:
        raise altered(member.name)
    manifest = decode_manifest(data)
    if (manifest.product, manifest.version) != (release.product, release.version):
        raise altered(member.name, "produit ou version différents de ceux des métadonnées")
    return manifest


def _prove_member(file: BinaryIO, member: Member) -> None:
    file.seek(member.start)
    if file.read(layout.BLOCK) != layout.header_block(member.name, member.length):
        raise altered(member.name, "en-tête inattendu")
    digest = hashlib.sha256()
    left = member.length
    while left and (chunk := file.read(min(left, _CHUNK))):
        digest.update(chunk)
        left -= len(chunk)
    if digest.hexdigest() != member.sha256:
        raise altered(member.name)
    if any(file.read(layout.padding(member.length))):
        raise altered(member.name, "remplissage inattendu")
