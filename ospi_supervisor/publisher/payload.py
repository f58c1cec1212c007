"""The tree that a release is made of, as found on the vendor's disk."""

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from io import BufferedReader
from pathlib import Path

from ospi_supervisor.archive.entries import Entry, EntryKind, display
from ospi_supervisor.errors import RefusedError
from ospi_supervisor.publisher.packs import PackWriter, Place


@dataclass(frozen=True, order=True)
class Item:
    """One path of the release-to-be and where its contents are (None for a folder that the build adds)."""

    path: bytes
    kind: EntryKind
    mode: int
    source: bytes | None


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
    return sorted(items.values())


@dataclass
class Packer:
    """Puts the contents of a tree in packs. Equal contents are stored once."""

    writer: PackWriter
    _seen: dict[bytes, Place] = field(default_factory=dict)

    def entry(self, item: Item) -> Entry:
        """The entry of `item`, its contents in the packs; RefusedError where it changes while it is read."""
        if item.kind is EntryKind.DIRECTORY or item.source is None:
            return Entry(path=item.path, kind=item.kind, mode=item.mode)
        if item.kind is EntryKind.LINK:
            return Entry(path=item.path, kind=item.kind, target=os.readlink(item.source))  # noqa: PTH115 - bytes
        with open(item.source, "rb") as file:  # noqa: PTH123 - a name of any bytes
            size = os.fstat(file.fileno()).st_size
            sha256 = hashlib.file_digest(file, "sha256").digest()
            file.seek(0)
            if size and sha256 not in self._seen:
                self._seen[sha256] = self._store(file, size, sha256)
        if not size:
            return Entry(path=item.path, kind=item.kind, mode=item.mode, sha256=sha256)
        pack, offset = self._seen[sha256]
        return Entry(path=item.path, kind=item.kind, mode=item.mode, size=size, sha256=sha256, pack=pack, offset=offset)

    def _store(self, file: BufferedReader, size: int, sha256: bytes) -> Place:
        """Where the contents lie: a file goes on from pack to pack only where it is alone in them."""
        again = hashlib.sha256()

        def chunks() -> Iterator[bytes]:
            while chunk := file.read(self.writer.pack_bytes):
                again.update(chunk)
                yield chunk

        if size <= self.writer.pack_bytes:
            place = self.writer.add(b"".join(chunks()))
        else:
            place = self.writer.add_long(chunks())
        if again.digest() != sha256 or file.tell() != size:
            raise RefusedError(f"{file.name!r} a changé pendant la construction ; recommencez")
        return place


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
    mode = child.stat(follow_symlinks=False).st_mode
    if stat.S_ISLNK(mode):
        return Item(path, EntryKind.LINK, 0, child.path)
    if stat.S_IMODE(mode) & ~0o777:
        raise RefusedError(f"{display(path)} porte un bit set-uid, set-gid ou « sticky » ; retirez-le")
    if stat.S_ISDIR(mode):
        return Item(path, EntryKind.DIRECTORY, stat.S_IMODE(mode), child.path)
    if stat.S_ISREG(mode):
        return Item(path, EntryKind.FILE, stat.S_IMODE(mode), child.path)
    raise RefusedError(f"{display(path)} n'est ni un fichier, ni un dossier, ni un lien ; retirez-le")
