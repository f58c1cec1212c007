"""The list of what the data folders hold: what a snapshot promises, and how a change is found without reading contents.

A change is found by comparing inode, size and times with an earlier list, never by the clock alone: a clock that
was set back hides nothing (design, section 3).
"""

import json
import os
import stat
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from ospi_supervisor.backup.tarstream import Member
from ospi_supervisor.backup.words import reason, shown
from ospi_supervisor.errors import BackupError

QUARANTINE_PREFIX = ".ospi-quarantaine-"
"""Folders so named hold what restores set aside: no snapshot takes them, no restore touches them."""

COARSEST_CLOCK_NS = 2_000_000_000
"""The coarsest time stamps that a file system keeps: two changes closer than this may bear the same times."""

TICK_EVERY = 2000

KINDS = {stat.S_IFREG: "file", stat.S_IFDIR: "dir", stat.S_IFLNK: "link", stat.S_IFIFO: "fifo"}
KINDS |= {stat.S_IFBLK: "device", stat.S_IFCHR: "device"}


class Entry(NamedTuple):
    """One name below the data folders. `path` is relative to `/`, bytes that are not UTF-8 kept as surrogates.

    A `ctime_ns` of 0 says "unknown": what changed so shortly before the list was made that a later change
    could bear the same times. Such an entry equals nothing. `size` is 0 for all but files: a folder's says nothing.
    """

    path: str
    kind: str
    mode: int
    uid: int
    gid: int
    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int


Listing = dict[str, Entry]
"""Entries by path, parents before their children."""


def scan(
    folders: Iterable[Path], left_out: Collection[Path], tick: Callable[[], None], settled_ns: int | None = None
) -> Listing:
    """Everything in `folders`, without following links and without `left_out` (absolute paths); sockets are not data.

    `tick` is called all along. What vanishes meanwhile is not listed; BackupError names what cannot be read.
    What changed since shortly before `settled_ns` (now, if None) is listed as such.
    """
    newest = (settled_ns or time.time_ns()) - COARSEST_CLOCK_NS
    skipped = {os.fspath(path) for path in left_out}
    listing: Listing = {}
    for folder in folders:
        for path, facts in _walk(os.fspath(folder), skipped):
            if len(listing) % TICK_EVERY == 0:
                tick()
            if kind := KINDS.get(stat.S_IFMT(facts.st_mode)):
                entry = _entry(path.lstrip("/"), kind, facts, newest)
                listing[entry.path] = entry
    return listing


def weigh(folder: Path, left_out: Collection[Path], tick: Callable[[], None]) -> int:
    """The bytes of all files that `scan` would list; `tick` and BackupError as there."""
    skipped = {os.fspath(path) for path in left_out}
    total = 0
    for count, (_, facts) in enumerate(_walk(os.fspath(folder), skipped)):
        if count % TICK_EVERY == 0:
            tick()
        if stat.S_ISREG(facts.st_mode):
            total += facts.st_size
    return total


def _walk(top: str, skipped: set[str]) -> Iterator[tuple[str, os.stat_result]]:
    """Each name from `top` down, a folder before what it holds."""
    pending = [top]
    while pending:
        path = pending.pop()
        try:
            facts = os.lstat(path)
            names = sorted(os.listdir(path), reverse=True) if stat.S_ISDIR(facts.st_mode) else []  # noqa: PTH208
        except FileNotFoundError:
            continue
        except OSError as error:
            raise BackupError(f"« {shown(path)} » ne peut pas être lu ({reason(error)}) : corrigez-le") from error
        yield path, facts
        inner = (f"{path}/{name}" for name in names if not name.startswith(QUARANTINE_PREFIX))
        pending += [name for name in inner if name not in skipped]


def _entry(path: str, kind: str, facts: os.stat_result, newest: int) -> Entry:
    fresh = max(facts.st_mtime_ns, facts.st_ctime_ns) >= newest
    return Entry(
        path,
        kind,
        stat.S_IMODE(facts.st_mode),
        facts.st_uid,
        facts.st_gid,
        facts.st_ino,
        facts.st_size if kind == "file" else 0,
        facts.st_mtime_ns,
        0 if fresh else facts.st_ctime_ns,
    )


def changed(old: Mapping[str, Entry], new: Mapping[str, Entry]) -> set[str]:
    """The paths of `new` that are not certainly the same in `old`.

    All names of one file go together, so that whoever archives or restores one of them has them all.
    """
    paths = {path for path, entry in new.items() if entry.ctime_ns == 0 or old.get(path) != entry}
    inodes = {new[path].inode for path in paths if new[path].kind == "file"}
    return {path for path, entry in new.items() if path in paths or (entry.kind == "file" and entry.inode in inodes)}


def as_archived(entry: Entry, member: Member) -> Entry:
    """The entry of `member`, which was archived when `entry` had been listed; a hard link's `entry` is the first's."""
    if member.link:
        return entry._replace(path=member.name)
    size = member.size if member.kind == "file" else 0
    seen = Entry(
        member.name,
        member.kind,
        member.mode,
        member.uid,
        member.gid,
        entry.inode,
        size,
        member.mtime_ns,
        entry.ctime_ns,
    )
    return entry if seen == entry else seen._replace(ctime_ns=0)


def save_listing(listing: Listing, path: Path) -> None:
    """Write one JSON array a line, in the order of `Entry`'s fields. Raises OSError."""
    with path.open("w", encoding="ascii") as file:
        file.writelines(f"{json.dumps(entry)}\n" for entry in listing.values())


def load_listing(path: Path) -> Listing:
    """What `save_listing` wrote. Raises OSError, and ValueError or TypeError where it is something else."""
    with path.open(encoding="ascii") as file:
        entries = (Entry(*json.loads(line)) for line in file)
        return {entry.path: entry for entry in entries}
