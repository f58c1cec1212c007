"""What a folder holds, told name by name."""

import errno
import os
import stat
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from ospi_supervisor.hands.inside.answers import Command
from ospi_supervisor.system.probes import sealed as refusal_of

KINDS = {stat.S_IFREG: "file", stat.S_IFDIR: "dir", stat.S_IFLNK: "link", stat.S_IFIFO: "fifo"}
KINDS |= {stat.S_IFBLK: "device", stat.S_IFCHR: "device"}
ALIVE_EVERY = 2000
BLOCK_BYTES = 512
"""What `st_blocks` counts in (stat(2))."""
TINY_BYTES = 4096
NAME_BYTES = 256
"""About what a name takes, as a header of tar's, compressed, and as a line of the list."""


def scan(command: Command, _: BinaryIO) -> Iterator[Any]:
    """The fields of `Entry` (backup/listing.py) for everything in `folder`; sockets are not data.

    What was changed at `newest` or later has a ctime of 0.
    """
    newest = command["newest"]
    for path, facts in _walk(command):
        if kind := KINDS.get(stat.S_IFMT(facts.st_mode)):
            yield [
                path.lstrip("/"),
                kind,
                stat.S_IMODE(facts.st_mode),
                facts.st_uid,
                facts.st_gid,
                facts.st_ino,
                facts.st_size if kind == "file" else 0,
                facts.st_mtime_ns,
                0 if max(facts.st_mtime_ns, facts.st_ctime_ns) >= newest else facts.st_ctime_ns,
            ]


def weigh(command: Command, _: BinaryIO) -> Iterator[Any]:
    """The bytes that a snapshot of what `scan` would list may take: no holes, a file of several names once."""
    total, several = 0, set()
    for count, (_path, facts) in enumerate(_walk(command)):
        if count % ALIVE_EVERY == 0:
            yield None
        total += NAME_BYTES
        if stat.S_ISREG(facts.st_mode) and (facts.st_dev, facts.st_ino) not in several:
            total += _held(facts)
            if facts.st_nlink > 1:
                several.add((facts.st_dev, facts.st_ino))
    yield total


def sealed_at(command: Command, _: BinaryIO) -> Iterator[Any]:
    """What keeps everybody from changing `path`; nothing where nothing does."""
    found = refusal_of(Path(command["path"]))
    if found is not None:
        yield found


def sealed(command: Command, _: BinaryIO) -> Iterator[Any]:
    """The first `most` of the files and folders that nobody can change or replace, each with what keeps them so."""
    left = command["most"]
    for count, (path, facts) in enumerate(_walk(command)):
        if count % ALIVE_EVERY == 0:
            yield None
        refusal = refusal_of(Path(path)) if stat.S_IFMT(facts.st_mode) in (stat.S_IFREG, stat.S_IFDIR) else None
        if refusal is not None and os.path.lexists(path):
            yield [path, refusal]
            left -= 1
        if not left:
            return


def _held(facts: os.stat_result) -> int:
    """The bytes of a file without its holes. Tiny ones are counted whole: some file systems give them no block."""
    return min(facts.st_size, max(facts.st_blocks * BLOCK_BYTES, TINY_BYTES))


def _walk(command: Command) -> Iterator[tuple[str, os.stat_result]]:
    """`everything` of the `folder`, without the paths `left_out` and what is named as quarantines are; what lies too
    deep is an error, or `reachable` alone is asked for."""
    skipped = frozenset(command["left_out"])
    return everything(command["folder"], skipped, command["quarantine_prefix"], reachable=command.get("reachable"))


def everything(
    folder: str, skipped: Collection[str] = (), prefix: str | None = None, *, reachable: bool | None = True
) -> Iterator[tuple[str, os.stat_result]]:
    """Each name from `folder` down, a folder before what it holds, without following links, the paths `skipped` and
    names that begin with `prefix`; what vanishes meanwhile is not told.

    A path may be longer than the system takes one: OSError, or where `reachable` is asked for it is not told either.
    """
    pending = [folder]
    while pending:
        path = pending.pop()
        try:
            facts = os.lstat(path)
            names = sorted(os.listdir(path), reverse=True) if stat.S_ISDIR(facts.st_mode) else []  # noqa: PTH208
        except FileNotFoundError:
            continue
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG and reachable:
                continue
            raise
        yield path, facts
        inner = (f"{path}/{name}" for name in names if prefix is None or not name.startswith(prefix))
        pending += [name for name in inner if name not in skipped]
