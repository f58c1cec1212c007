"""A release on disk and the record of it: every path with its sha256, and the inode as it was when written."""

import hashlib
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import msgspec

from ospi_supervisor import __version__
from ospi_supervisor.archive.entries import Entry, EntryKind, encode_entry
from ospi_supervisor.archive.messages import Inode
from ospi_supervisor.system.files import write_atomically
from ospi_supervisor.system.formats import Stamp, refuse_newer

_OTHERS_WRITE = 0o022


class Item(msgspec.Struct, array_like=True, gc=False):
    """One recorded path; `inode` is a file's. `writable` says that it lies where the release's programs may write."""

    path: bytes
    kind: EntryKind
    mode: int = 0
    size: int = 0
    sha256: bytes = b""
    target: bytes = b""
    inode: Inode | None = None
    writable: bool = False  # last: records written before it was there are read as well


class Change(StrEnum):
    """How a path differs from its record."""

    MISSING = "missing"
    CHANGED = "changed"
    ADDED = "added"


@dataclass(frozen=True)
class Difference:
    """One path that is not as recorded; `path` is for display."""

    path: str
    change: Change


class _File(Stamp, frozen=True, kw_only=True):
    """The record as it is written."""

    items: list[Item]


FORMAT = 2
"""Version 0.1.0 wrote the list of items alone."""


@dataclass
class TreeRecord:
    """The record of one tree, by path, in the order of the paths' bytes."""

    items: dict[bytes, Item] = field(default_factory=dict)

    def save(self, path: Path) -> None:
        """Write the record to `path`, atomically and durably. Raises OSError."""
        file = _File(format=FORMAT, written_by=__version__, items=list(self.items.values()))
        write_atomically(path, msgspec.msgpack.encode(file), mode=0o640)

    @classmethod
    def load(cls, path: Path) -> "TreeRecord":
        """The record in `path`; OSError where it cannot be read, msgspec.DecodeError where it is none, NewerFormatError
        where a newer program wrote it."""
        data = path.read_bytes()
        found = msgspec.msgpack.decode(data, type=list[Item] | Stamp)
        if isinstance(found, Stamp):
            refuse_newer(found, FORMAT, f"le relevé de version {path}")
            found = msgspec.msgpack.decode(data, type=_File).items
        return cls({item.path: item for item in found})

    def files(self) -> Iterator[Item]:
        """The regular files only."""
        return (item for item in self.items.values() if item.kind is EntryKind.FILE)

    def by_contents(self) -> dict[bytes, Item]:
        """For each contents, empty ones aside, one file that has them: where programs may write only for want of
        another."""
        usable = [item for item in self.files() if item.size and item.inode is not None]
        usable.sort(key=lambda item: not item.writable)  # of several, the last is taken
        return {item.sha256: item for item in usable}


def listing(paths: Iterable[Item | Entry]) -> bytes:
    """What a tree holds and nothing of where it comes from: the lines of an index without any source."""
    return b"".join(
        encode_entry(
            Entry(path=one.path, kind=one.kind, mode=one.mode, size=one.size, sha256=one.sha256, target=one.target)
        )
        for one in paths
    )


@dataclass
class InstalledTree:
    """A tree and its record."""

    root: Path
    record: TreeRecord


def record_tree(root: Path, skip: Iterable[str] = ()) -> TreeRecord:
    """The record of the tree in `root` as it is now: every file is hashed. Folders in `skip` are left out.

    Raises OSError. Sockets, pipes and devices are not recorded.
    """
    left_out = {os.fsencode(folder) for folder in skip}
    record = TreeRecord()
    for path, status in _walk(os.fsencode(root), b"", left_out):
        if (item := _describe(os.fsencode(root), path, status)) is not None:
            record.items[path] = item
    record.items = dict(sorted(record.items.items()))
    return record


def audit(tree: InstalledTree, writable: Iterable[str] = ()) -> list[Difference]:
    """What differs from the record in kind, mode, contents or presence; every file is hashed again.

    What lies in the `writable` folders is the hooks' business and left out. Raises OSError.
    """
    found = record_tree(tree.root, writable).items
    left_out = below(writable)
    expected = {path: item for path, item in tree.record.items.items() if not path.startswith(left_out)}
    differences = [(path, Change.ADDED) for path in found.keys() - expected.keys()]
    for path, item in expected.items():
        if path not in found:
            differences.append((path, Change.MISSING))
        elif _identity(found[path]) != _identity(item):
            differences.append((path, Change.CHANGED))
    return [Difference(os.fsdecode(path), change) for path, change in sorted(differences)]


def drifted(tree: InstalledTree, writable: Iterable[str] = ()) -> list[str]:
    """The files whose inode is no longer the recorded one: a cheap look, without hashing, before services start.

    What lies in the `writable` folders is the hooks' business and left out.
    """
    left_out = below(writable)
    watched = (item for item in tree.record.files() if not item.path.startswith(left_out))
    root = os.open(tree.root, os.O_PATH | os.O_DIRECTORY)  # users wait meanwhile: short paths are looked up sooner
    try:
        return [os.fsdecode(item.path) for item in watched if not _is_at(item, root)]
    finally:
        os.close(root)


def writable_by_others(tree: InstalledTree, writable: Iterable[str]) -> list[str]:
    """The files and folders of a tree of root's, outside its `writable` folders, whose mode lets another account change
    them."""
    folders = {os.fsencode(folder) for folder in writable}
    left_out = below(writable)
    return [
        os.fsdecode(path)
        for path, item in tree.record.items.items()
        if item.mode & _OTHERS_WRITE and path not in folders and not path.startswith(left_out)
    ]


def altered(tree: InstalledTree, writable: Iterable[str], beat: Callable[[], None]) -> list[str]:
    """The files that are no longer as recorded in kind, mode or contents. `beat` is called before each that is read.

    Only those that drifted are read: a backup that puts access times back, a label or a link changes the inode of a
    file that nobody altered. Raises OSError.
    """
    wrong = []
    for path in drifted(tree, writable):
        beat()
        item = tree.record.items[os.fsencode(path)]
        found = _found(tree, item)
        if found is None or _identity(found) != _identity(item):
            wrong.append(path)
    return wrong


def intact(tree: InstalledTree, item: Item) -> bool:
    """Whether the recorded file `item` still has its contents: hashed only where its inode changed. Raises OSError."""
    if _inode_at(os.fsencode(tree.root) + b"/" + item.path) == item.inode:
        return True
    found = _found(tree, item)
    return found is not None and found.sha256 == item.sha256


@contextmanager
def links_refreshed(staying: InstalledTree | None) -> Iterator[None]:
    """Refresh the record of the tree that stays, around the removal of another one.

    Hard links between the two make a removal change the ctime of files that stay: without the refresh, the next
    update would hash all of them. The caller saves `staying.record` afterwards. Raises OSError.
    """
    trusted = [] if staying is None else list(_trusted_links(staying))
    yield
    if staying is None:
        return
    for item, seen in trusted:
        now = _inode_at(os.fsencode(staying.root) + b"/" + item.path)
        if now is not None and (now.ino, now.size, now.mtime_ns) == (seen.ino, seen.size, seen.mtime_ns):
            item.inode = now


def below(folders: Iterable[str]) -> tuple[bytes, ...]:
    """What the path of anything in one of `folders` begins with."""
    return tuple(os.fsencode(folder) + b"/" for folder in folders)


def _trusted_links(tree: InstalledTree) -> Iterator[tuple[Item, Inode]]:
    """The files with several names that are still as recorded."""
    root = os.fsencode(tree.root) + b"/"
    for item in tree.record.files():
        try:
            status = os.lstat(root + item.path)
        except OSError:  # no longer there, or its folder is no folder any more
            continue
        if item.inode is not None and status.st_nlink > 1 and Inode.of(status) == item.inode:
            yield item, item.inode


def _walk(root: bytes, folder: bytes, left_out: set[bytes]) -> Iterator[tuple[bytes, os.stat_result]]:
    with os.scandir(root + b"/" + folder) as children:
        for child in children:
            path = folder + child.name
            status = child.stat(follow_symlinks=False)
            yield path, status
            if stat.S_ISDIR(status.st_mode) and path not in left_out:
                yield from _walk(root, path + b"/", left_out)


def _describe(root: bytes, path: bytes, status: os.stat_result) -> Item | None:
    full, mode = root + b"/" + path, stat.S_IMODE(status.st_mode)
    if stat.S_ISDIR(status.st_mode):
        return Item(path, EntryKind.DIRECTORY, mode)
    if stat.S_ISLNK(status.st_mode):
        return Item(path, EntryKind.LINK, target=os.readlink(full))  # noqa: PTH115 - a name of any bytes
    if not stat.S_ISREG(status.st_mode):
        return None
    with open(full, "rb") as file:  # noqa: PTH123
        sha256 = hashlib.file_digest(file, "sha256").digest()
    return Item(path, EntryKind.FILE, mode, status.st_size, sha256, inode=Inode.of(status))


def _found(tree: InstalledTree, item: Item) -> Item | None:
    """What lies in the place of the recorded `item` now, hashed; None where nothing does that a record knows."""
    root = os.fsencode(tree.root)
    try:
        return _describe(root, item.path, os.lstat(root + b"/" + item.path))
    except OSError:
        return None


def _identity(item: Item) -> tuple[EntryKind, int, bytes, bytes]:
    return item.kind, item.mode, item.sha256, item.target


def _is_at(item: Item, folder: int) -> bool:
    """Whether the recorded file has its inode still, seen from the descriptor `folder` of its tree."""
    seen = item.inode
    try:
        now = os.stat(item.path, dir_fd=folder, follow_symlinks=False)
    except OSError:
        return False
    return seen is not None and (
        now.st_ino == seen.ino
        and now.st_ctime_ns == seen.ctime_ns
        and now.st_mtime_ns == seen.mtime_ns
        and now.st_size == seen.size
    )


def _inode_at(path: bytes) -> Inode | None:
    try:
        return Inode.of(os.lstat(path))
    except OSError:
        return None
