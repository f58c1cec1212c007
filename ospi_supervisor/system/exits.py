"""Tells the end of a child as soon as it comes: looking for it again and again costs up to twice what it took."""

import os
import select
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

LOOK_SECONDS = 0.02
"""How often a child is looked at where the kernel does not tell its end."""


class Watch:
    """Tells the end of a child at once where the kernel can (a pidfd: Linux 5.3), else within `LOOK_SECONDS`."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        try:
            self._pidfd: int | None = os.pidfd_open(process.pid)
        except OSError:
            self._pidfd = None

    def has_ended(self, seconds: float, unless_readable: int | None = None) -> bool:
        """Whether it ends within `seconds`; a look at once where there is something to read in that descriptor."""
        deadline = time.monotonic() + seconds
        poll = select.poll()
        for descriptor in (self._pidfd, unless_readable):
            if descriptor is not None:
                poll.register(descriptor, select.POLLIN)
        while self._process.poll() is None:
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            ready = poll.poll(1000 * (left if self._pidfd is not None else min(left, LOOK_SECONDS)))
            if any(descriptor == unless_readable for descriptor, _ in ready):
                return False
        return True

    def close(self) -> None:
        """Watch no more."""
        if self._pidfd is not None:
            os.close(self._pidfd)


@contextmanager
def watched(process: subprocess.Popen[bytes]) -> Iterator[Watch]:
    """Watch for the end of a child while the block runs."""
    with closing(Watch(process)) as watch:
        yield watch
