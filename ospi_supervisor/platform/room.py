"""Whether a disk is full, or has no inode left: what fails on it then says nothing of who wrote."""

import os
from collections.abc import Iterable
from pathlib import Path

FULL_BYTES = 1024**2
"""With less an ordinary program fails."""


class RoomWatch:
    """Looks at some disks while others write there; `full` is the folder of the first that was found full."""

    def __init__(self, folders: Iterable[Path]) -> None:
        self._folders = tuple(folders)
        self.full: Path | None = None

    def look(self) -> None:
        """Look now. A disk that was full once counts as such, whatever was deleted since."""
        if self.full is None:
            self.full = next((folder for folder in self._folders if is_full(folder)), None)


def is_full(folder: Path) -> bool:
    """Whether an ordinary account finds no room to write in `folder`; what is not there is not full."""
    try:
        found = os.statvfs(folder)
    except OSError:
        return False
    # A small disk in memory may be less than a few megabytes altogether: what counts is what is left.
    return found.f_bavail * found.f_frsize < FULL_BYTES or (found.f_files > 0 and found.f_favail == 0)


def free_bytes(folder: Path) -> int:
    """What an ordinary account may still write on the disk of `folder`."""
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize
