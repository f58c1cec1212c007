"""Durable files: what survives a power cut, and in which order it is made so."""

import ctypes
import errno
import fcntl
import os
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import BinaryIO

_libc = ctypes.CDLL(None, use_errno=True)

COPY_BYTES = 1024 * 1024
SYNC_INTERVAL_SECONDS = 1
_KEEP_SIZE = 1  # linux/falloc.h
FICLONE = 0x40049409  # linux/fs.h: _IOW(0x94, 9, int)
UNFINISHED = ".new"
"""How the names of files end that are being written."""


def write_atomically(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Replace `path` by `data` so that a crash leaves the old file or the new one, whole and durable.

    Raises OSError; then the old file stands and nothing is left beside it.
    """
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=UNFINISHED)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)  # noqa: PTH105 - `temporary` is mkstemp's string
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    fsync_dir(path.parent)


def remove_unfinished(folder: Path) -> None:
    """Remove what writers that were killed left in `folder`, if there is such a folder. Nobody may write there."""
    for path in folder.glob(f".*{UNFINISHED}"):
        path.unlink(missing_ok=True)


def give_to_owner_of_folder(path: Path) -> None:
    """Where root made `path` in another account's folder, give it to that account. Raises OSError.

    A link is not followed: that account may have put it there, to be given what it points to.
    """
    if os.geteuid() == 0:
        owner = path.parent.stat()
        os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def fsync_dir(path: Path) -> None:
    """Make the names in the folder `path` durable: what was created, renamed or removed there. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_at(path: Path, data: bytes | memoryview, offset: int) -> None:
    """Write all of `data` into the existing file `path` from `offset` on; not durable yet. Raises OSError."""
    descriptor = os.open(path, os.O_WRONLY)
    try:
        # An error's traceback keeps this frame: no view may live on in it, or its owner could not give it back.
        with memoryview(data) as whole:
            written = 0
            while written < len(whole):
                with whole[written:] as rest:
                    written += os.pwrite(descriptor, rest, offset + written)
    finally:
        os.close(descriptor)


def open_regular(path: Path) -> BinaryIO:
    """The file at `path`, to be read; OSError for what is no file, which is not even waited for.

    A pipe or a device that an account with fewer rights put in a file's place would hold the reader for ever.
    """
    file = open(path, "rb", opener=_open_at_once)  # noqa: SIM115 - it is the caller's
    if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        return file
    file.close()
    raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), str(path))


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)


def reserve(descriptor: int, size: int) -> None:
    """Keep room for `size` bytes of the open file, whose length stays; OSError (ENOSPC) where there is none.

    A file system that cannot keep room keeps none.
    """
    # Not os.posix_fallocate, which changes the length, and writes to each block where the system cannot do it.
    result = _libc.fallocate(descriptor, _KEEP_SIZE, ctypes.c_int64(0), ctypes.c_int64(size)) if size else 0
    if result and (number := ctypes.get_errno()) not in (errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL):
        raise OSError(number, os.strerror(number))


def sync_data(path: Path) -> None:
    """Make what was written into the file `path` durable. Raises OSError."""
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.fdatasync(descriptor)
    finally:
        os.close(descriptor)


def copy_durably(source: BinaryIO, target: BinaryIO) -> int:
    """Copy `source` into the empty file `target`, sharing its blocks where the file system can; how many bytes."""
    try:
        fcntl.ioctl(target, FICLONE, source.fileno())
    except OSError:
        shutil.copyfileobj(source, target, COPY_BYTES)
        target.flush()
    os.fdatasync(target.fileno())
    return os.fstat(target.fileno()).st_size


def remove_tree(folder: Path) -> None:
    """Remove `folder` and all that is in it, following no link. OSError.

    By `rm`, which goes down as deep as another account made it: Python's own ends some hundreds of folders deep.
    """
    command = ["rm", "--recursive", "--force", "--one-file-system", "--", os.fspath(folder)]
    done = subprocess.run(command, env={**os.environ, "LC_ALL": "C"}, capture_output=True, check=False)
    if done.returncode:
        said = done.stderr.decode("utf-8", "backslashreplace").splitlines()
        raise OSError(errno.EIO, said[-1] if said else f"code {done.returncode}", str(folder))


def remove_closed_tree(folder: Path) -> None:
    """The same where folders in it may be read-only. Root needs no permission, and must not change modes in folders
    that others write in."""
    if os.geteuid() != 0:
        folder.chmod(0o700)
        for parent, names, _ in os.walk(folder):
            for name in names:
                inner = Path(parent, name)
                if not inner.is_symlink():
                    inner.chmod(0o700)
    remove_tree(folder)


def sync_tree(path: Path) -> None:
    """Make everything below `path` durable, by syncing its file system once. Raises OSError.

    For thousands of files this is far cheaper than one fsync each; syncfs(2) reports write errors since Linux 5.8.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        _sync_file_system(descriptor, path)
    finally:
        os.close(descriptor)


@contextmanager
def durable_tree(path: Path) -> Iterator[None]:
    """What the block writes below `path` is durable at its end, as after `sync_tree`.

    The disk is at work from the beginning rather than at the end only. Raises OSError at the end where any write in
    the meantime failed: the kernel tells it to a descriptor that was open then, whoever else has heard of it.
    """
    from concurrent.futures import ThreadPoolExecutor  # with logging, a fifth of what `--help` would load

    descriptor, over = os.open(path, os.O_RDONLY), Event()

    def keep_up() -> None:
        while not over.wait(SYNC_INTERVAL_SECONDS):
            _sync_file_system(descriptor, path)

    try:
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="sync") as pool:
            keeping_up = pool.submit(keep_up)
            try:
                yield
            finally:
                over.set()
        keeping_up.result()
        _sync_file_system(descriptor, path)
    finally:
        os.close(descriptor)


def _sync_file_system(descriptor: int, path: Path) -> None:
    if _libc.syncfs(descriptor) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(path))
