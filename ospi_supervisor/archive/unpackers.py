"""The unpackers of one staging: processes that share its jobs and die with it."""

import os
import selectors
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO, cast

from ospi_supervisor.archive.messages import Done, Failed, Inode, Job, Refused, receive, reply_decoder, send
from ospi_supervisor.errors import ArchiveError, PlatformError

_MOST = 4  # beyond, the disk is the limit and memory is not free
_MEMORY_SETTINGS = {"MALLOC_TRIM_THRESHOLD_": str(64 * 1024**2), "MALLOC_MMAP_THRESHOLD_": str(32 * 1024**2)}
"""By default glibc gives the memory of each pack back to the kernel and takes it again for the next: half of the
kernel's share of the work. What is longer than 32 MiB, a large file being patched, is still given back at once."""

_BEAT = 0.2  # seconds between two calls of `check`, at most

OnDone = Callable[[Job, list[Inode | None]], None]


class Unpackers:
    """A few unpacker processes; `run` hands them jobs."""

    def __init__(self, children: list[subprocess.Popen[bytes]]) -> None:
        self._children = children

    def run(self, jobs: Iterable[Job], on_done: OnDone, check: Callable[[], None], *, most: int | None = None) -> None:
        """Do all `jobs`, in about their order; `on_done` hears of each, and `check` is called several times a second.

        `most` is how many jobs are done at a time, for those that need much memory.
        Raises ArchiveError, OSError (disk full…), PlatformError where an unpacker died, and whatever `check` raises;
        then the unpackers are not to be used again.
        """
        waiting = iter(jobs)
        doing: dict[int, Job] = {}
        with selectors.DefaultSelector() as selector:
            for child in self._children[:most]:
                selector.register(_pipe(child.stdout), selectors.EVENT_READ, child)
                self._feed(child, waiting, doing)
            while doing:
                check()
                for key, _ in selector.select(_BEAT):
                    child = key.data
                    on_done(doing.pop(child.pid), _outcome(child))
                    self._feed(child, waiting, doing)

    def _feed(self, child: subprocess.Popen[bytes], waiting: Iterator[Job], doing: dict[int, Job]) -> None:
        job = next(waiting, None)
        if job is not None:
            doing[child.pid] = job
            try:
                send(_pipe(child.stdin), job)
            except BrokenPipeError:
                raise _died() from None


@contextmanager
def unpackers(archive: int, target: int, installed: int | None) -> Iterator[Unpackers]:
    """Unpackers from the descriptor `archive` into the folder `target`, beside the folder `installed`; then none."""
    count = min(_MOST, len(os.sched_getaffinity(0)))
    descriptors = [archive, target] if installed is None else [archive, target, installed]
    places = [str(archive), str(target), str(-1 if installed is None else installed)]
    command = [sys.executable, "-P", "-m", "ospi_supervisor.archive.unpacker", str(os.getpid()), *places]
    children = [
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=descriptors,
            start_new_session=True,
            env=os.environ | _MEMORY_SETTINGS,
        )
        for _ in range(count)
    ]
    try:
        yield Unpackers(children)
    finally:
        for child in children:
            child.kill()
        for child in children:
            with suppress(BrokenPipeError), child:  # closes the pipes, whatever they still hold, and reaps
                child.wait()


def _outcome(child: subprocess.Popen[bytes]) -> list[Inode | None]:
    reply = receive(_pipe(child.stdout), reply_decoder)
    if isinstance(reply, Done):
        return reply.inodes
    if isinstance(reply, Refused):
        raise ArchiveError(reply.message, reply.code)
    if isinstance(reply, Failed):
        raise OSError(reply.number, os.strerror(reply.number), reply.path)
    raise _died()


def _died() -> PlatformError:
    return PlatformError("un processus de préparation s'est arrêté (mémoire insuffisante ?) ; contactez le support")


def _pipe(pipe: object) -> BinaryIO:
    return cast(BinaryIO, pipe)
