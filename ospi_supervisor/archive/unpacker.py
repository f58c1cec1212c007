"""One unpacker: a process that writes a release's files, one job at a time, until its pipe is closed.

Processes rather than threads: creating a small file is a handful of system calls between which Python holds its
lock (see `docs/adr/0001-archive.md`). Arguments: the process that it serves, and the descriptors of
the archive, of the folder written, and of the installed release (-1 for none).
"""

import ctypes
import errno
import fcntl
import hashlib
import mmap
import os
import signal
import stat
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from ospi_supervisor.archive.assembly import assembled
from ospi_supervisor.archive.entries import display
from ospi_supervisor.archive.frames import unpack, unpack_chunks
from ospi_supervisor.archive.layout import MAX_PATCHED
from ospi_supervisor.archive.messages import (
    Done,
    Failed,
    Inode,
    Job,
    Keep,
    Kept,
    Pack,
    Patch,
    Refused,
    Reply,
    Slice,
    Unpack,
    job_decoder,
    receive,
    send,
)
from ospi_supervisor.archive.refusals import altered, wrong_base
from ospi_supervisor.errors import ArchiveError

_PR_SET_PDEATHSIG = 1
_FICLONE = 0x40049409
_CREATE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK  # a pipe in a file's place would be waited for


class Unpacker:
    """Does jobs between three descriptors."""

    def __init__(self, archive: int, target: int, installed: int) -> None:
        self._archive, self._target, self._installed = archive, target, installed
        self._owner = (os.geteuid(), os.getegid())

    def do(self, job: Job) -> Reply:
        """The outcome of `job`; errors are replies too."""
        try:
            return Done(self._unpack(job) if isinstance(job, Unpack) else self._keep_all(job))
        except ArchiveError as error:
            return Refused(str(error), error.code)
        except OSError as error:
            return Failed(error.errno or errno.EIO, os.fsdecode(error.filename or b""))

    def _unpack(self, job: Unpack) -> list[Inode | None]:
        if len(job.packs) > 1 and job.files:
            return [self._write_long(job)]
        frames = [self._prove(pack) for pack in job.packs]
        if not job.files:
            return []
        contents = memoryview(unpack(job.packs[0].name, frames[0], job.packs[0].unpacked) if frames else b"")
        return [self._write(file, contents) for file in job.files]

    def _prove(self, pack: Pack) -> bytes:
        """The frame of `pack`: the very bytes that were hashed."""
        data = os.pread(self._archive, pack.length, pack.offset)
        if hashlib.sha256(data).hexdigest() != pack.sha256:
            raise altered(pack.name)
        return data

    def _write(self, file: Slice, contents: memoryview) -> Inode:
        if file.patch is not None:
            return self._write_patched(file, file.patch, contents)
        data = contents[file.offset : file.offset + file.size]
        if hashlib.sha256(data).digest() != file.sha256:
            raise altered(os.fsdecode(file.path))
        descriptor = os.open(file.path, _CREATE, file.mode, dir_fd=self._target)
        try:
            _write_all(descriptor, data)
            return Inode.of(os.fstat(descriptor))
        finally:
            os.close(descriptor)

    def _write_patched(self, file: Slice, patch: Patch, contents: memoryview) -> Inode:
        data = contents[file.offset : file.offset + patch.length]
        if patch.assembled:
            return self._write_assembled(file, patch, [bytes(data)])
        with self._base(patch) as base:
            chunks = unpack_chunks(os.fsdecode(file.path), data, file.size, base)
        return self._write_chunks(file, chunks)

    def _write_assembled(self, file: Slice, patch: Patch, records: Iterable[bytes]) -> Inode:
        source = os.open(patch.base, _READ, dir_fd=self._installed)
        try:
            return self._write_chunks(file, assembled(os.fsdecode(file.path), records, source, file.size))
        except ArchiveError as error:
            if not _has(source, patch.sha256):
                raise wrong_base(f"{display(patch.base)} a été modifié") from error
            raise
        finally:
            os.close(source)

    @contextmanager
    def _base(self, patch: Patch) -> Iterator[memoryview]:
        """The contents of the installed file that a patch is made against, proven, and mapped rather than read."""
        source = os.open(patch.base, _READ, dir_fd=self._installed)
        try:
            if not 0 < os.fstat(source).st_size <= MAX_PATCHED:
                raise wrong_base(f"{display(patch.base)} a été modifié")
            with mmap.mmap(source, 0, access=mmap.ACCESS_READ) as mapped, memoryview(mapped) as base:
                if hashlib.sha256(base).digest() != patch.sha256:
                    raise wrong_base(f"{display(patch.base)} a été modifié")
                yield base
        finally:
            os.close(source)

    def _write_long(self, job: Unpack) -> Inode:
        """The one file that fills packs of its own."""
        file = job.files[0]
        packs = (unpack(pack.name, self._prove(pack), pack.unpacked) for pack in job.packs)
        if file.patch is not None:
            return self._write_assembled(file, file.patch, packs)
        return self._write_chunks(file, packs)

    def _write_chunks(self, file: Slice, chunks: Iterable[bytes]) -> Inode:
        digest = hashlib.sha256()
        descriptor = os.open(file.path, _CREATE, file.mode, dir_fd=self._target)
        try:
            for chunk in chunks:
                digest.update(chunk)
                _write_all(descriptor, memoryview(chunk))
            if digest.digest() != file.sha256:
                raise altered(os.fsdecode(file.path))
            return Inode.of(os.fstat(descriptor))
        finally:
            os.close(descriptor)

    def _keep_all(self, job: Keep) -> list[Inode | None]:
        return [self._keep(file, job.hard_links) for file in job.files]

    def _keep(self, file: Kept, hard_links: bool) -> Inode | None:
        try:
            source = os.open(file.source, _READ, dir_fd=self._installed)
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOMEM):
                raise
            return None  # gone, unreadable or something else: the archive has it, or refuses what it cannot do
        try:
            status = os.fstat(source)
            if not stat.S_ISREG(status.st_mode):
                return None
            if Inode.of(status) != file.seen and not _has(source, file.sha256):
                return None
            if hard_links and self._may_link(file, status) and self._link(file):
                return Inode.of(os.fstat(source))
            return self._copy(source, file, Inode.of(status))
        finally:
            os.close(source)

    def _may_link(self, file: Kept, status: os.stat_result) -> bool:
        """Only where nobody but this account could write through either name, and nothing but the name differs."""
        same = (status.st_uid, status.st_gid) == self._owner and stat.S_IMODE(status.st_mode) == file.mode
        return same and not file.mode & 0o022

    def _link(self, file: Kept) -> bool:
        try:
            os.link(
                file.source,
                file.target,
                src_dir_fd=self._installed,
                dst_dir_fd=self._target,
                follow_symlinks=False,
            )
        except OSError as error:
            if error.errno in (errno.EMLINK, errno.EXDEV, errno.EPERM):
                return False
            raise
        return True

    def _copy(self, source: int, file: Kept, before: Inode) -> Inode | None:
        """None, and no copy, where a service wrote to the source meanwhile."""
        target = os.open(file.target, _CREATE, file.mode, dir_fd=self._target)
        try:
            try:
                fcntl.ioctl(target, _FICLONE, source)
            except OSError:  # this file system shares no extents: the bytes are copied
                _copy_bytes(source, target, file.size)
            is_sure = before == file.seen == Inode.of(os.fstat(source))
            if not is_sure and not _has(target, file.sha256):
                os.unlink(file.target, dir_fd=self._target)
                return None
            return Inode.of(os.fstat(target))
        finally:
            os.close(target)


def _copy_bytes(source: int, target: int, size: int) -> None:
    offset = 0
    while offset < size:
        count = os.sendfile(target, source, offset, size - offset)  # across file systems too, and with an old glibc
        if not count:
            break
        offset += count


def _write_all(descriptor: int, data: memoryview) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


def _has(descriptor: int, sha256: bytes) -> bool:
    """Whether that is the file's digest; not where it cannot be read."""
    try:
        with open(descriptor, "rb", closefd=False) as file:
            file.seek(0)
            return hashlib.file_digest(file, "sha256").digest() == sha256
    except OSError:
        return False


def main() -> None:
    """Serve the process named in the arguments, and die with it."""
    served, archive, target, installed = map(int, sys.argv[1:])
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != served:
        return
    os.umask(0)
    unpacker = Unpacker(archive, target, installed)
    while (job := receive(sys.stdin.buffer, job_decoder)) is not None:
        send(sys.stdout.buffer, unpacker.do(job))


if __name__ == "__main__":
    main()
