"""The index: one JSON line for each path of the release, in the order of the paths' bytes, and its strict reading.

Paths are bytes here, as the kernel has them. In JSON a path is text in which `%` and each byte that is not UTF-8
are written `%XX`: any JSON reader can read it, and any name comes back exactly (`docs/format-archive.md`).
"""

import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Annotated
from urllib.parse import unquote_to_bytes

import msgspec

from ospi_supervisor.archive.layout import INDEX, MAX_PATCHED
from ospi_supervisor.archive.links import check_links
from ospi_supervisor.archive.refusals import altered, foreign_errors_refused, unsafe
from ospi_supervisor.domain.manifest import BYTES_MAX, Manifest

MAX_LINE = 64 * 1024
"""The longest line that is read, in bytes: a path and a link's target, all escaped, with room to spare."""

ASSEMBLED_SINCE = 2
"""The manifest's format from which on a file longer than `MAX_PATCHED` may be assembled."""

MAX_PATH, _MAX_NAME = 4000, 255  # what Linux takes, with room for the folder above the release


class EntryKind(StrEnum):
    """What a path of the release is."""

    DIRECTORY = "dir"
    FILE = "file"
    LINK = "link"


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One path of the release.

    A file's contents lie in pack `pack`, `offset` bytes after its beginning, and go on in the next packs where they
    are longer than the pack. With `base` (a sha256) what lies there, `length` bytes, is a patch of the installed file
    of that content, or above `MAX_PATCHED` the records by which it is assembled from it (`archive.assembly`). A file
    without `pack` is kept from the installed release. `sha256` is raw, 32 bytes.
    """

    path: bytes
    kind: EntryKind
    mode: int = 0
    size: int = 0
    sha256: bytes = b""
    target: bytes = b""
    pack: int | None = None
    offset: int = 0
    base: bytes | None = None
    length: int | None = None


_Number = Annotated[int, msgspec.Meta(ge=0, le=BYTES_MAX)]


class _Line(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    path: str
    kind: EntryKind
    mode: _Number = 0
    size: _Number = 0
    sha256: str = ""
    target: str = ""
    pack: _Number | None = None
    offset: _Number = 0
    base: str | None = None
    length: _Number | None = None


_decoder = msgspec.json.Decoder(_Line)


def encode_path(path: bytes) -> str:
    """`path` as the index spells it."""
    text = path.decode("utf-8", "surrogateescape").replace("%", "%25")
    return re.sub("[\udc80-\udcff]", lambda match: f"%{ord(match[0]) - 0xDC00:02X}", text)


def display(path: bytes) -> str:
    """`path` for a message: one line, whatever the name."""
    return repr(os.fsdecode(path))


def encode_entry(entry: Entry) -> bytes:
    """The line of `entry`, its end included."""
    line = _Line(
        encode_path(entry.path),
        entry.kind,
        entry.mode,
        entry.size,
        entry.sha256.hex(),
        encode_path(entry.target),
        entry.pack,
        entry.offset,
        None if entry.base is None else entry.base.hex(),
        entry.length,
    )
    return msgspec.json.encode(line) + b"\n"


def decode_entry(line: bytes) -> Entry:
    """The entry in `line`; ArchiveError(tampered) where it holds none."""
    with foreign_errors_refused(INDEX, "ligne illisible"):
        found = _decoder.decode(line)
        return Entry(
            path=unquote_to_bytes(found.path),
            kind=found.kind,
            mode=found.mode,
            size=found.size,
            sha256=bytes.fromhex(found.sha256),
            target=unquote_to_bytes(found.target),
            pack=found.pack,
            offset=found.offset,
            base=None if found.base is None else bytes.fromhex(found.base),
            length=found.length,
        )


def checked(entries: Iterable[Entry], manifest: Manifest) -> Iterator[Entry]:
    """`entries` again, each proven harmless before it is given; ArchiveError(unsafe) at the first that is not.

    Extraction relies on it: paths are relative, normal, unique and in order, each below a folder that came before;
    modes are permissions only; sizes add up to what the manifest announces; no link leaves the release, not even
    through other links. The links are judged, and the sums compared, after the last entry.
    """
    folders = {b""}
    hooks: dict[bytes, int] = {}
    links: dict[bytes, bytes] = {}
    previous, count, size = b"", 0, 0
    for entry in entries:
        _check_path(entry.path, previous, folders)
        _check_shape(entry, manifest.format)
        if entry.kind is EntryKind.DIRECTORY:
            folders.add(entry.path)
        elif entry.kind is EntryKind.LINK:
            links[entry.path] = entry.target
        elif entry.path.startswith(b"hooks/"):
            hooks[entry.path] = entry.mode
        previous, count, size = entry.path, count + 1, size + entry.size
        if count > manifest.entries or size > manifest.unpacked_bytes:
            raise unsafe("davantage de contenu que le manifeste n'en annonce")
        yield entry
    if (count, size) != (manifest.entries, manifest.unpacked_bytes):
        raise altered(INDEX, "moins de contenu que le manifeste n'en annonce")
    check_links(links)
    check_promised(manifest, hooks, folders)


def check_promised(manifest: Manifest, hooks: Mapping[bytes, int], folders: Collection[bytes]) -> None:
    """ArchiveError where what the manifest names is not there as the installer will need it.

    `hooks` gives the mode of each file below `hooks/`, `folders` are those of the release.
    """
    for hook in manifest.hooks:
        mode = hooks.get(os.fsencode(f"hooks/{hook.name}"))
        if mode is None or mode & 0o005 != 0o005:
            raise unsafe(
                f"le programme « hooks/{hook.name} » est absent de la version, ou n'est pas lisible et exécutable par"
                " tous"
            )
    for folder in manifest.writable:
        if os.fsencode(folder) not in folders:
            raise unsafe(f"« {folder} », annoncé inscriptible, n'est pas un dossier de la version")


def _check_path(path: bytes, previous: bytes, folders: set[bytes]) -> None:
    parent, _, name = path.rpartition(b"/")
    if name in (b"", b".", b"..") or b"\0" in path or len(path) > MAX_PATH or len(name) > _MAX_NAME:
        raise unsafe(f"chemin {display(path)}")
    if path <= previous or parent not in folders:
        raise unsafe(f"chemin {display(path)} en double, hors d'ordre ou sans dossier")


def _check_shape(entry: Entry, format_: int) -> None:
    if entry.mode & ~0o777:
        raise unsafe(f"mode {entry.mode:o} de {display(entry.path)}")
    if entry.kind is EntryKind.FILE:
        sources = (entry.sha256, entry.base) if entry.base is not None else (entry.sha256,)
        if any(len(digest) != 32 for digest in sources) or entry.target:
            raise unsafe(f"fichier mal décrit {display(entry.path)}")
        if min(entry.size, entry.offset, entry.pack or 0, entry.length or 0) < 0:
            raise unsafe(f"longueur de {display(entry.path)}")
        _check_patch(entry, format_)
    elif entry.size or entry.sha256 or entry.offset or (entry.pack, entry.base, entry.length) != (None, None, None):
        raise unsafe(f"élément mal décrit {display(entry.path)}")
    elif bool(entry.target) != (entry.kind is EntryKind.LINK):
        raise unsafe(f"lien mal décrit {display(entry.path)}")


def _check_patch(entry: Entry, format_: int) -> None:
    if (entry.base is None) != (entry.length is None) or (entry.base is not None and entry.pack is None):
        raise unsafe(f"différence mal décrite {display(entry.path)}")
    if entry.base is not None and entry.size > MAX_PATCHED and format_ < ASSEMBLED_SINCE:
        raise unsafe(f"différence trop longue {display(entry.path)}")
