"""Waits until something is written in a folder, at no cost while nothing is (inotify(7))."""

import ctypes
import os
import select
from pathlib import Path

IN_MODIFY, IN_MOVED_TO, IN_CREATE = 0x2, 0x80, 0x100  # sys/inotify.h
_EVENTS_BYTES = 1 << 16


class Written:
    """What is written to the files of `folder`, by whatever process of this machine, from now on.

    OSError where the system watches no more folders for this account.
    """

    def __init__(self, folder: Path) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self._descriptor = int(libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK))
        if self._descriptor < 0:
            raise _of_the_system()
        if libc.inotify_add_watch(self._descriptor, os.fsencode(folder), IN_MODIFY | IN_MOVED_TO | IN_CREATE) < 0:
            error = _of_the_system()
            self.close()
            raise error

    def wait(self, seconds: float) -> bool:
        """Whether something was written since the last call, waited for so long at most."""
        readable, _, _ = select.select([self._descriptor], [], [], seconds)
        if readable:
            os.read(self._descriptor, _EVENTS_BYTES)
        return bool(readable)

    def close(self) -> None:
        """Watch no more."""
        os.close(self._descriptor)


def _of_the_system() -> OSError:
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number))
