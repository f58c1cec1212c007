"""The list of what the data folders hold: what a snapshot promises, and how a change is found without reading contents.

A change is found by comparing inode, size and times with an earlier list, never by the clock alone: a clock that
was set back hides nothing (design, section 3).
"""

import json
import os
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from ospi_supervisor.backup.reasons import reason, shown
from ospi_supervisor.backup.tarstream import Member
from ospi_supervisor.errors import BackupError
from ospi_supervisor.hands.folder import Entry, FolderHands, folder_hand
from ospi_supervisor.system.mounts import mounted_below

COARSEST_CLOCK_NS = 2_000_000_000
"""The coarsest time stamps that a file system keeps: two changes closer than this may bear the same times."""

LINES_BYTES = 1 << 20

Listing = dict[str, Entry]
"""Entries by path, parents before their children."""


def scan(
    hands: FolderHands,
    folders: Iterable[Path],
    left_out: Collection[Path],
    tick: Callable[[], None],
    settled_ns: int | None = None,
    *,
    reachable: bool = False,
) -> Listing:
    """Everything in `folders`, without following links and without `left_out` (absolute paths); sockets are not data.

    `tick` is called all along. What vanishes meanwhile is not listed; BackupError names what cannot be read.
    Nor can what lies deeper than a path can say, unless what is `reachable` will do.
    What changed since shortly before `settled_ns` (now, if None) is listed as such.
    """
    newest = (settled_ns or time.time_ns()) - COARSEST_CLOCK_NS
    listing: Listing = {}
    for folder in folders:
        with readable(folder):
            listing |= {
                entry.path: entry for entry in hands.of(folder).scan(left_out, newest, tick, reachable=reachable)
            }
    return listing


def weigh(folder: Path, left_out: Collection[Path], tick: Callable[[], None]) -> int:
    """The bytes that a snapshot of `folder` may take; `tick` and BackupError as in `scan`.

    What tar writes: nothing for the holes of a sparse file, a file of several names once, and each name.
    """
    with readable(folder), folder_hand(folder) as hand:
        return hand.weigh(left_out, tick)


def sealed(folder: Path, left_out: Collection[Path], most: int, tick: Callable[[], None]) -> list[tuple[str, str]]:
    """The first `most` names that a restore could not bring back, and why: nobody can change or replace what is there.

    `tick` and BackupError as in `scan`.
    """
    with readable(folder), folder_hand(folder) as hand:
        return hand.sealed(left_out, most, tick)


def sync(hands: FolderHands, folder: Path, tick: Callable[[], None]) -> None:
    """Make everything in `folder` durable, on whatever file systems it lies. BackupError."""
    with readable(folder):
        hands.of(folder).sync([folder, *mounted_below(folder)], tick)


def below(folder: Path, paths: Iterable[str]) -> list[str]:
    """Those of `paths` (all relative to `/`, or none) that are `folder` or lie in it."""
    top = os.fspath(folder).lstrip("/")
    return [path for path in paths if path.lstrip("/") == top or path.lstrip("/").startswith(f"{top}/")]


@contextmanager
def readable(folder: Path) -> Iterator[None]:
    """BackupError that names what cannot be read in `folder`."""
    try:
        yield
    except OSError as error:
        path = shown(error.filename or folder)
        raise BackupError(f"« {path} » ne peut pas être lu ({reason(error)}) : corrigez-le") from error


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
    listing: Listing = {}
    with path.open(encoding="ascii") as file:
        while lines := file.readlines(LINES_BYTES):  # together: one by one takes twice as long
            entries = (Entry(*fields) for fields in json.loads(f"[{','.join(lines)}]"))
            listing |= {entry.path: entry for entry in entries}
    return listing
