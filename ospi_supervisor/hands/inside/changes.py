"""What a restore changes in a folder beside what tar does: names set aside, attributes and times, a database's file."""

import base64
import contextlib
import ctypes
import errno
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from ospi_supervisor.hands.inside.answers import Command
from ospi_supervisor.hands.inside.walk import everything

CHUNK = 1 << 20
STEP = 64 << 20
BLOCK = 512
"""Bytes of what stat(2) calls a block."""
MARGIN = 4096
"""Room that a file system takes for itself."""
CANNOT = {errno.ENOSYS, errno.EXDEV, errno.EINVAL, errno.EOPNOTSUPP, errno.EPERM, errno.EBADF}
"""What copy_file_range(2) says of kernels and file systems between which it cannot copy."""
_libc = ctypes.CDLL(None, use_errno=True)


def set_aside(command: Command, _: BinaryIO) -> Iterator[Any]:
    """Move `paths` into the quarantine `name` of the file system that each lies on: within the folder `top`, or within
    that one of `mounts` which holds it."""
    mounts = {Path(place) for place in command["mounts"]}
    for path in map(Path, command["paths"]):
        anchor = path.parent
        while anchor != Path(command["top"]) and anchor not in mounts:
            anchor = anchor.parent
        _move(path, anchor / command["name"], path.relative_to(anchor))
        yield None


def _move(path: Path, quarantine: Path, relative: Path) -> None:
    folder = quarantine
    _make_own(folder)
    for name in relative.parent.parts:
        folder = folder / name
        _make_own(folder)
    path.rename(_free(folder / relative.name))
    _fsync(folder, os.O_DIRECTORY)


def _make_own(folder: Path) -> None:
    """A folder that nobody else can put anything in; what stands in its place and is none is set aside.

    Quarantines lie among the platform's folders, and their names can be guessed: a link put there would lead elsewhere.
    """
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
        return
    facts = folder.lstat()
    if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.geteuid() or facts.st_mode & 0o022:
        folder.rename(_free(folder))
        folder.mkdir(mode=0o700)


def _free(path: Path) -> Path:
    """`path`, or where something stands there the same name with a number."""
    number, free = 1, path
    while os.path.lexists(free):
        number += 1
        free = path.with_name(f"{path.name}~{number}")
    return free


def quarantined(command: Command, _: BinaryIO) -> Iterator[Any]:
    """Each quarantine called `name` in one of `places`, in an array of its own, and after it the files in it."""
    for place in command["places"]:
        quarantine = Path(place, command["name"])
        if _is_folder(quarantine):
            yield [str(quarantine)]
            yield from (path for path, facts in everything(str(quarantine)) if not stat.S_ISDIR(facts.st_mode))


def strip(command: Command, _: BinaryIO) -> Iterator[Any]:
    """Take the attributes of those of `paths` that are folders: tar sets a folder's but removes none."""
    for path in command["paths"]:
        if os.path.isdir(path) and not os.path.islink(path):  # noqa: PTH112, PTH114 - called for each name
            for name in attribute_names(path):
                if name.startswith(("user.", "trusted.")):
                    os.removexattr(path, name, follow_symlinks=False)
        yield None


def set_times(command: Command, _: BinaryIO) -> Iterator[Any]:
    """Give each of `entries` (path, nanoseconds) its time."""
    for path, mtime_ns in command["entries"]:
        os.utime(path, ns=(mtime_ns, mtime_ns), follow_symlinks=False)
        yield None


def sync(command: Command, _: BinaryIO) -> Iterator[Any]:
    """Make everything below each of `places` durable, by its file system; syncfs(2) tells write errors."""
    for place in command["places"]:
        descriptor = os.open(place, os.O_RDONLY | os.O_NOFOLLOW)
        try:
            if _libc.syncfs(descriptor) != 0:
                number = ctypes.get_errno()
                raise OSError(number, os.strerror(number), place)
        finally:
            os.close(descriptor)
        yield None


def read_to_end(command: Command, _: BinaryIO) -> Iterator[Any]:
    """Read the whole file at `path`, to see whether that can be done; one that is gone is no error."""
    with contextlib.suppress(FileNotFoundError), open(command["path"], "rb", opener=_open_at_once) as file:
        while file.read(CHUNK):
            yield None


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOFOLLOW)


def replace_database(command: Command, _: BinaryIO) -> Iterator[Any]:
    """Write what the file `dump` holds as the new file at `path` with its `facts` (owner, mode, attributes); remove the
    `companions` of the old one, then put it in its place.

    An old write-ahead log beside the new file would bring migrated rows back: it goes first. Where there is no room for
    both, and there will be without the old file, that one goes first, too: it is to be replaced, the dump is read to
    its end before, and what is interrupted is done again.
    """
    path, new = Path(command["path"]), Path(command["new"])
    companions = [Path(companion) for companion in command["companions"]]
    try:
        yield from _written(new, command)
    except OSError as error:
        new.unlink(missing_ok=True)
        if error.errno not in (errno.ENOSPC, errno.EDQUOT) or not _is_room_without([path, *companions], command):
            raise
        yield from _read_to_its_end(Path(command["dump"]))
        for old in (path, *companions):
            old.unlink(missing_ok=True)
        yield from _written(new, command)
    for companion in companions:
        companion.unlink(missing_ok=True)
    _fsync(path.parent, os.O_DIRECTORY)
    new.replace(path)
    _fsync(path.parent, os.O_DIRECTORY)


def _is_room_without(files: Sequence[Path], command: Command) -> bool:
    """Whether the dump fits where those files lie once they are gone."""
    facts = [file.lstat() for file in files if os.path.lexists(file)]
    freed = sum(fact.st_blocks * BLOCK for fact in facts if fact.st_nlink == 1 and stat.S_ISREG(fact.st_mode))
    disk = os.statvfs(files[0].parent)
    return freed + disk.f_bavail * disk.f_frsize >= Path(command["dump"]).stat().st_size + MARGIN


def _read_to_its_end(dump: Path) -> Iterator[None]:
    with dump.open("rb") as file:
        while file.read(CHUNK):
            yield None


def _written(new: Path, command: Command) -> Iterator[None]:
    """Write what the file `dump` holds as the new file `new`, durably, with its `facts`."""
    new.unlink(missing_ok=True)
    # Others may write in this folder: what they put there must be neither opened nor given away.
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as target, Path(command["dump"]).open("rb") as source:
        yield from copied(source, target)
        _apply(target.fileno(), command["facts"])
        os.fsync(target.fileno())


def copied(source: BinaryIO, target: BinaryIO) -> Iterator[None]:
    """Copy `source` to the empty file `target` step by step, sharing blocks where the file system can."""
    try:
        while os.copy_file_range(source.fileno(), target.fileno(), STEP):
            yield None
    except OSError as error:
        if error.errno not in CANNOT:
            raise
        source.seek(target.seek(0, os.SEEK_END))
        while piece := source.read(CHUNK):
            target.write(piece)
            yield None
        target.flush()


def _apply(descriptor: int, facts: Command) -> None:
    os.fchown(descriptor, facts["uid"], facts["gid"])
    os.fchmod(descriptor, facts["mode"])
    for name, value in facts["attributes"].items():
        os.setxattr(descriptor, name, base64.b64decode(value))


def _fsync(path: Path, flags: int) -> None:
    descriptor = os.open(path, os.O_RDONLY | flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def attribute_names(path: str | Path) -> list[str]:
    """The names of the attributes of `path` (ACLs are among them); none where its file system keeps none."""
    try:
        return os.listxattr(path)
    except OSError as error:
        if error.errno == errno.ENOTSUP:
            return []
        raise


def _is_folder(path: Path) -> bool:
    return os.path.isdir(path) and not os.path.islink(path)  # noqa: PTH112, PTH114 - no error where a path is too long
