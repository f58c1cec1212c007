"""The tree that a release is made of, as found on the vendor's disk."""

import hashlib
import os
import stat
from collections import Counter
from collections.abc import Iterable, Iterator
from io import BufferedReader
from operator import attrgetter
from pathlib import Path

import msgspec

from ospi_supervisor.archive.entries import Entry, EntryKind, display
from ospi_supervisor.errors import RefusedError
from ospi_supervisor.publisher.packs import PackWriter, Place


class Item(msgspec.Struct, frozen=True, gc=False):
    """One path of the release-to-be and where its contents are (None for a folder that the build adds); its size."""

    path: bytes
    kind: EntryKind
    mode: int
    source: bytes | None
    size: int = 0


def scan(payload: Path, hooks: Path | None, writable: Iterable[str]) -> list[Item]:
    """Every path of the release in the order of its bytes: the tree, `hooks/`, and the writable folders.

    RefusedError where the tree holds what an installer would never extract, or a name appears twice.
    """
    items = {item.path: item for item in _walk(os.fsencode(payload), b"")}
    if hooks is not None:
        if b"hooks" in items:
            raise RefusedError(f"{payload} contient déjà un dossier « hooks » ; retirez-le ou n'utilisez pas --hooks")
        items[b"hooks"] = Item(b"hooks", EntryKind.DIRECTORY, 0o755, None)
        items |= {item.path: item for item in _walk(os.fsencode(hooks), b"hooks/")}
    for folder in writable:
        _add_folder(items, os.fsencode(folder))
    return sorted(items.values(), key=attrgetter("path"))


class Packer:
    """Puts the contents of the tree `items` in packs, each file read once. Equal contents are stored once."""

    def __init__(self, writer: PackWriter, items: Iterable[Item]) -> None:
        self._writer = writer
        self._alike = Counter(item.size for item in items if item.kind is EntryKind.FILE)
        self._seen: dict[bytes, Place] = {}

    def entry(self, item: Item) -> Entry:
        """The entry of `item`, its contents in the packs; RefusedError where it changes while it is read."""
        if item.kind is EntryKind.DIRECTORY or item.source is None:
            return Entry(path=item.path, kind=item.kind, mode=item.mode)
        if item.kind is EntryKind.LINK:
            return Entry(path=item.path, kind=item.kind, target=os.readlink(item.source))  # noqa: PTH115 - bytes
        with open(item.source, "rb") as file:  # noqa: PTH123 - a name of any bytes
            before = os.fstat(file.fileno())
            sha256, place = self._stored(file, item.size)
            after = os.fstat(file.fileno())
        if (after.st_size, after.st_mtime_ns) != (item.size, before.st_mtime_ns):
            raise _changed(item)
        pack, offset = place or (None, 0)
        return Entry(
            path=item.path, kind=item.kind, mode=item.mode, size=item.size, sha256=sha256, pack=pack, offset=offset
        )

    def _stored(self, file: BufferedReader, size: int) -> tuple[bytes, Place | None]:
        """The digest of the contents and where they lie: a file goes on from pack to pack only where it is alone."""
        if size > self._writer.pack_bytes:
            return self._stored_long(file, size)
        data = file.read(size)
        sha256 = hashlib.sha256(data).digest()
        if size and (place := self._seen.get(sha256)) is None:
            place = self._writer.add(data)
            if self._alike[size] > 1:
                self._seen[sha256] = place
        return sha256, place if size else None

    def _stored_long(self, file: BufferedReader, size: int) -> tuple[bytes, Place]:
        """As `_stored`; only what may be there already is hashed before it is stored."""
        if self._alike[size] > 1:
            sha256 = hashlib.file_digest(file, "sha256").digest()
            if sha256 in self._seen:
                return sha256, self._seen[sha256]
            file.seek(0)
        digest = hashlib.sha256()

        def chunks() -> Iterator[bytes]:
            while chunk := file.read(self._writer.pack_bytes):
                digest.update(chunk)
                yield chunk

        place = self._writer.add_long(chunks())
        return digest.digest(), self._seen.setdefault(digest.digest(), place)


def _changed(item: Item) -> RefusedError:
    return RefusedError(f"{display(item.path)} a changé pendant la construction ; recommencez")


def _add_folder(items: dict[bytes, Item], folder: bytes) -> None:
    """The folder and those above it, where the tree does not bring them: hooks may not create them."""
    parts = folder.split(b"/")
    for depth in range(1, len(parts) + 1):
        path = b"/".join(parts[:depth])
        item = items.setdefault(path, Item(path, EntryKind.DIRECTORY, 0o755, None))
        if item.kind is not EntryKind.DIRECTORY:
            raise RefusedError(f"le dossier inscriptible {display(folder)} passe par {display(path)}, qui n'en est pas")


def _walk(root: bytes, prefix: bytes) -> Iterator[Item]:
    try:
        with os.scandir(root) as found:
            children = list(found)
    except OSError as error:
        raise RefusedError(f"dossier illisible : {error}") from error
    for child in children:
        path = prefix + child.name
        item = _item(path, child)
        yield item
        if item.kind is EntryKind.DIRECTORY:
            yield from _walk(child.path, path + b"/")


def _item(path: bytes, child: os.DirEntry[bytes]) -> Item:
    found = child.stat(follow_symlinks=False)
    mode = found.st_mode
    if stat.S_ISLNK(mode):
        return Item(path, EntryKind.LINK, 0, child.path)
    if stat.S_IMODE(mode) & ~0o777:
        raise RefusedError(f"{display(path)} porte un bit set-uid, set-gid ou « sticky » ; retirez-le")
    if stat.S_ISDIR(mode):
        return Item(path, EntryKind.DIRECTORY, stat.S_IMODE(mode), child.path)
    if stat.S_ISREG(mode):
        return Item(path, EntryKind.FILE, stat.S_IMODE(mode), child.path, found.st_size)
    raise RefusedError(f"{display(path)} n'est ni un fichier, ni un dossier, ni un lien ; retirez-le")
