"""Room set aside on the state's disk, given up when that disk is full, so that the state can still be written."""

import os
from pathlib import Path

from ospi_supervisor.system.files import fsync_dir

RESERVE_BYTES = 8 * 1024**2
"""Twice the size at which SQLite empties its write-ahead log: enough for the end of any update."""


class Reserve:
    """A file of `RESERVE_BYTES` that holds nothing but its place."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def hold(self) -> None:
        """Set the room aside, where it is not yet. OSError where there is none; then nothing is left behind."""
        if self._path.exists():
            return
        unfinished = self._path.with_name(f"{self._path.name}.new")
        try:
            with unfinished.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, RESERVE_BYTES)
        except OSError:
            unfinished.unlink(missing_ok=True)
            raise
        unfinished.replace(self._path)
        fsync_dir(self._path.parent)

    def give_up(self) -> bool:
        """Free the room; whether that gained any (not where it was given up before, or the disk is read-only)."""
        try:
            self._path.unlink()
        except OSError:
            return False
        return True
