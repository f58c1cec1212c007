"""Building the new release beside the installed one: what is there already is kept, the rest is unpacked."""

import os
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from ospi_supervisor.archive.delta_base import check_base, missing
from ospi_supervisor.archive.entries import Entry, EntryKind, display
from ospi_supervisor.archive.layout import INDEX, MAX_PATCHED
from ospi_supervisor.archive.messages import Inode, Job, Keep, Kept, Pack, Patch, Slice, Unpack
from ospi_supervisor.archive.reader import Archive
from ospi_supervisor.archive.refusals import altered
from ospi_supervisor.archive.tree import InstalledTree, Item, TreeRecord, below, links_refreshed
from ospi_supervisor.archive.unpackers import Unpackers, unpackers
from ospi_supervisor.system.files import durable_tree

_BATCH = 256  # files in one job: enough to hide the pipe, few enough to share evenly

Progress = Callable[[float], None]


def stage(
    archive: Archive,
    destination: Path,
    installed: InstalledTree | None,
    *,
    progress: Progress,
    check: Callable[[], None],
    hard_links: bool,
) -> TreeRecord:
    """Build the release of `archive` in the folder `destination`, durably, and return its record.

    Every pack is read once and proven on the way, needed or not. Files that `installed` has, wherever they lie in
    it, are cloned, else with `hard_links` linked where that is safe, else copied; the record of `installed` is
    refreshed in place, for linking changes inodes: the caller saves both records. `progress` hears percents;
    `check` is called several times a second and may raise. What an earlier attempt left in `destination` is removed
    first; after an error, what was written stays there. Times of files are those of their writing: they are no part
    of a release. Raises ArchiveError, OSError.
    """
    check_base(archive, installed)
    if destination.exists():
        with links_refreshed(installed):
            shutil.rmtree(destination)
    staging = _Staging(archive, installed, progress, check)
    destination.mkdir(mode=0o755)
    target = os.open(destination, os.O_RDONLY | os.O_DIRECTORY)
    source = None if installed is None else os.open(installed.root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        _forget_access_lists(target)
        os.fchmod(target, 0o755)
        with durable_tree(destination):
            staging.make_folders(target)
            with unpackers(archive.file.fileno(), target, source) as workers:
                staging.keep(workers, hard_links)
                staging.unpack(workers, target)
            staging.finish_names(target)
    finally:
        os.close(target)
        if source is not None:
            os.close(source)
    return staging.record()


def _forget_access_lists(folder: int) -> None:
    """Those that a new folder takes over from the one above would change the modes of all that is written in it."""
    for name in ("system.posix_acl_access", "system.posix_acl_default"):
        with suppress(OSError):  # there is none, or this file system knows none
            os.removexattr(folder, name)


class _Staging:
    """What one staging knows while it goes on."""

    def __init__(
        self, archive: Archive, installed: InstalledTree | None, progress: Progress, check: Callable[[], None]
    ) -> None:
        self._record = None if installed is None else installed.record
        self._entries = {entry.path: entry for entry in archive.entries(self._record)}
        self._writable = below(archive.manifest.writable)
        self._packs = [
            Pack(member.name, member.offset, member.length, member.sha256, member.unpacked or 0)
            for member in archive.header.packs
        ]
        self._installed = {} if self._record is None else self._record.by_contents()
        self._inodes: dict[bytes, Inode] = {}
        self._wanted: dict[int, list[Entry]] = defaultdict(list)
        self._empty: list[Entry] = []
        self._progress, self._check = progress, check
        self._weight_done = 0
        self._percent = 0.0
        self._long: list[Unpack] = []
        self._kept = self._sort_out()
        self._weight = len(self._kept) * _KEPT_WEIGHT + sum(pack.length for pack in self._packs) or 1

    def _sort_out(self) -> list[Entry]:
        """Which files the installed release seems to have; the others are noted as wanted."""
        kept = []
        for entry in self._entries.values():
            if entry.kind is not EntryKind.FILE:
                continue
            known = self._installed.get(entry.sha256) if entry.size else None
            if known is not None and known.size != entry.size:
                raise altered(INDEX, f"longueur de {display(entry.path)}")
            if known is not None:
                kept.append(entry)
            elif entry.size:
                self._want(entry)
            else:
                self._empty.append(entry)
        return kept

    def _want(self, entry: Entry) -> None:
        if entry.pack is None or (entry.base is not None and entry.base not in self._installed):
            raise missing(entry)
        if entry.pack >= len(self._packs):
            raise altered(INDEX, f"paquet de {display(entry.path)} inconnu")
        self._wanted[entry.pack].append(entry)

    def make_folders(self, target: int) -> None:
        for entry in self._entries.values():
            if entry.kind is EntryKind.DIRECTORY:
                os.mkdir(entry.path, 0o755, dir_fd=target)

    def keep(self, workers: Unpackers, hard_links: bool) -> None:
        """Take from the installed release what it still has; what it no longer has is wanted after all."""
        newest: dict[int, Inode] = {}

        def on_done(job: Job, inodes: list[Inode | None]) -> None:
            assert isinstance(job, Keep)  # noqa: S101 - only such jobs are given below
            for kept, inode in zip(job.files, inodes, strict=True):
                if inode is None:
                    self._want(self._entries[kept.target])
                    continue
                self._inodes[kept.target] = inode
                if inode.ino == kept.seen.ino and newest.get(inode.ino, inode).ctime_ns <= inode.ctime_ns:
                    newest[inode.ino] = inode
            self._advance(len(job.files) * _KEPT_WEIGHT)

        workers.run((Keep(batch, hard_links) for batch in self._keep_batches()), on_done, self._check)
        self._refresh(newest)

    def _keep_batches(self) -> Iterator[list[Kept]]:
        for start in range(0, len(self._kept), _BATCH):
            batch = []
            for entry in self._kept[start : start + _BATCH]:
                item = self._installed[entry.sha256]
                assert item.inode is not None  # noqa: S101 - every recorded file has one
                batch.append(Kept(item.path, entry.path, entry.mode, entry.size, entry.sha256, item.inode))
            yield batch

    def _refresh(self, newest: dict[int, Inode]) -> None:
        """Each link changed its inode's ctime: note the last one, on both sides."""
        for path, inode in self._inodes.items():
            self._inodes[path] = newest.get(inode.ino, inode)
        if self._record is not None:
            for item in self._record.files():
                if item.inode is not None:
                    item.inode = newest.get(item.inode.ino, item.inode)

    def unpack(self, workers: Unpackers, target: int) -> None:
        """Prove every pack and write the wanted files."""

        def check() -> None:
            self._check()
            self._tell(sum(written(target, job) for job in self._long))

        def on_done(job: Job, inodes: list[Inode | None]) -> None:
            assert isinstance(job, Unpack)  # noqa: S101 - only such jobs are given below
            if job in self._long:
                self._long.remove(job)
            self._inodes.update((file.path, inode) for file, inode in zip(job.files, inodes, strict=True) if inode)
            self._advance(sum(pack.length for pack in job.packs))

        workers.run(self._long_patches(), on_done, self._check, most=1)
        workers.run(self._unpack_jobs(), on_done, check)

    def _long_patches(self) -> Iterator[Unpack]:
        """Those that hold two files of some size in memory, each alone."""
        for number, entries in self._wanted.items():
            for entry in entries:
                if self._is_long_patch(entry):
                    yield Unpack([self._packs[number]], [self._slice(entry)])

    def _is_long_patch(self, entry: Entry) -> bool:
        if entry.base is None or entry.size > MAX_PATCHED:
            return False
        return entry.size + self._installed[entry.base].size > _LONG_PATCH

    def _unpack_jobs(self) -> Iterator[Unpack]:
        """Long files first, so that no unpacker is left alone with one at the end."""
        covered: set[int] = set()
        for number, entries in self._wanted.items():
            for entry in entries:
                if self._is_long(entry, number):
                    span = self._span(entry, number)
                    covered.update(range(number, number + len(span)))
                    self._long.append(Unpack(span, [self._slice(entry)]))
                    yield self._long[-1]
        for start in range(0, len(self._empty), _BATCH):
            yield Unpack([], [self._slice(entry) for entry in self._empty[start : start + _BATCH]])
        for number, pack in enumerate(self._packs):
            files = [
                self._slice(entry)
                for entry in self._wanted.get(number, ())
                if not self._is_long(entry, number) and not self._is_long_patch(entry)
            ]
            if files or number not in covered:
                yield Unpack([pack], files)

    def _slice(self, entry: Entry) -> Slice:
        patch = None
        if entry.base is not None and entry.length is not None:
            base = self._installed[entry.base].path
            patch = Patch(entry.length, base, entry.base, assembled=entry.size > MAX_PATCHED)
        return Slice(entry.path, entry.offset, entry.size, entry.mode, entry.sha256, patch)

    def _is_long(self, entry: Entry, number: int) -> bool:
        is_patch = entry.base is not None and entry.size <= MAX_PATCHED
        return not is_patch and entry.offset + _stored(entry) > self._packs[number].unpacked

    def _span(self, entry: Entry, first: int) -> list[Pack]:
        """The packs that a long file fills, whole and alone."""
        last, size = first, 0
        while size < _stored(entry) and last < len(self._packs):
            size += self._packs[last].unpacked
            last += 1
        if size != _stored(entry) or entry.offset:
            raise altered(INDEX, f"paquets de {display(entry.path)} incohérents")
        return self._packs[first:last]

    def finish_names(self, target: int) -> None:
        """Links, and the folders' modes last: some may forbid writing."""
        for entry in self._entries.values():
            if entry.kind is EntryKind.LINK:
                os.symlink(entry.target, entry.path, dir_fd=target)
        for entry in self._entries.values():
            if entry.kind is EntryKind.DIRECTORY:
                os.chmod(entry.path, entry.mode, dir_fd=target)

    def record(self) -> TreeRecord:
        return TreeRecord({path: self._item(entry) for path, entry in self._entries.items()})

    def _item(self, entry: Entry) -> Item:
        return Item(
            entry.path,
            entry.kind,
            entry.mode,
            entry.size,
            entry.sha256,
            entry.target,
            self._inodes.get(entry.path),
            entry.path.startswith(self._writable),
        )

    def _advance(self, weight: int) -> None:
        self._weight_done += weight
        self._tell(0)

    def _tell(self, under_way: int) -> None:
        self._percent = max(self._percent, min(100.0, 100 * (self._weight_done + under_way) / self._weight))
        self._progress(self._percent)


def written(target: int, job: Unpack) -> int:
    """How much of a long file's packs is in the file below `target` already."""
    file = job.files[0]
    try:
        there = os.stat(file.path, dir_fd=target).st_size
    except FileNotFoundError:
        return 0
    return sum(pack.length for pack in job.packs) * there // file.size


def _stored(entry: Entry) -> int:
    """How many bytes of packs `entry` takes."""
    return entry.size if entry.length is None else entry.length


_LONG_PATCH = 16 * 1024**2  # bytes before and after, together
_KEPT_WEIGHT = 4096  # what keeping a file counts for in the progress, beside a pack's bytes
