"""File locks between processes: released by the kernel with the process, however it ends."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from ospi_supervisor.errors import BusyError


@contextmanager
def exclusive(path: Path, busy: str) -> Iterator[None]:
    """Hold the lock at `path`; BusyError with the words `busy` where somebody else holds it.

    Commands that the holder starts do not inherit it (PEP 446), so a stray child keeps nothing locked.
    """
    path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BusyError(busy) from None
        yield
    finally:
        os.close(descriptor)


def update_lock(path: Path) -> AbstractContextManager[None]:
    """The lock that an update and a restore both take (engine rule 5)."""
    return exclusive(path, "une mise à jour ou une restauration est déjà en cours ; attendez sa fin")
