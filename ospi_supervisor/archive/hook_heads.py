"""What the hooks of an archive ask the machine for, read from their first lines before anything is staged."""

import hashlib
from collections.abc import Iterable

from ospi_supervisor.archive.entries import Entry, EntryKind
from ospi_supervisor.archive.frames import unpack_chunks
from ospi_supervisor.archive.header import Member
from ospi_supervisor.archive.layout import MAX_PACK, pack_name
from ospi_supervisor.archive.reader import Archive
from ospi_supervisor.archive.refusals import altered
from ospi_supervisor.archive.tree import InstalledTree

_FIRST_LINE_BYTES = 256
"""What Linux reads of it (execve(2))."""


def interpreters(archive: Archive, entries: Iterable[Entry], installed: InstalledTree | None) -> dict[str, str]:
    """For each hook its first line behind `#!`; empty for one that is a program, or made from a patch.

    Raises ArchiveError where a pack is not as it was signed, OSError.
    """
    names = {f"hooks/{hook.name}".encode(): hook.name for hook in archive.manifest.hooks}
    found = {}
    for entry in entries:
        if entry.path in names and entry.kind is EntryKind.FILE:
            head = _head(archive, entry, installed)
            line = head.split(b"\n", 1)[0]
            found[names[entry.path]] = line[2:].decode("utf-8", "replace").strip() if line.startswith(b"#!") else ""
    return found


def _head(archive: Archive, entry: Entry, installed: InstalledTree | None) -> bytes:
    if entry.base is not None:
        return b""
    if entry.pack is not None:
        member = archive.header.member(pack_name(entry.pack))
        data = b""
        for chunk in unpack_chunks(member.name, _proven(archive, member), member.unpacked or 0):
            data += chunk
            if len(data) >= entry.offset + _FIRST_LINE_BYTES:
                break
        return data[entry.offset : entry.offset + min(entry.size, _FIRST_LINE_BYTES)]
    item = None if installed is None else installed.record.by_contents().get(entry.sha256)
    if item is None or installed is None:
        return b""
    with (installed.root / item.path.decode("utf-8", "surrogateescape")).open("rb") as file:
        return file.read(_FIRST_LINE_BYTES)


def _proven(archive: Archive, pack: Member) -> bytes:
    if pack.length > MAX_PACK:
        raise altered(pack.name, "longueur excessive")
    archive.file.seek(pack.offset)
    data = archive.file.read(pack.length)
    if hashlib.sha256(data).hexdigest() != pack.sha256:
        raise altered(pack.name)
    return data
