"""An ext4 in memory. The programs under test wait for each durable write: that these are made, and survive, is tested
on disks of their own, which can be cut; everywhere else the wait only costs.

It is an ext4 because a tmpfs carries no twin (`ospi_supervisor.rehearsal.place`).
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

LASTING = "OSPI_TESTS_FOLDER"
"""The variable that names where tests put what no reboot may empty, as a platform wants it."""
MEMORY = Path("/dev/shm")  # noqa: S108 - the image has no name there once it is mounted
IMAGE_BYTES = 16 << 30
"""Not reserved; the whole suite writes some 4 GB."""
WANTED_BYTES = 12 << 30


def lasting() -> str:
    """The folder for platforms of a test's own, with a short name (a socket's path is bounded)."""
    return os.environ.get(LASTING, "/var/tmp")  # noqa: S108 - each makes a folder of its own in it


@contextmanager
def in_memory(folder: Path) -> Iterator[None]:
    """The empty `folder` is a disk in memory while the block runs; where there is no room for one, or this is not root,
    it stays as it is, as it does where a whole run has one already."""
    if (
        LASTING in os.environ
        or os.geteuid() != 0
        or not MEMORY.is_dir()
        or _room() < WANTED_BYTES
        or not _mounted(folder)
    ):
        yield
        return
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _mounted(folder: Path) -> bool:
    """Whether it could be mounted: in a container there may be no loop device."""
    with tempfile.NamedTemporaryFile(dir=MEMORY, prefix="ospi-") as image:
        image.truncate(IMAGE_BYTES)
        # With a journal: without one, ext4 takes no inode again for minutes after its file was deleted, and looks past
        # all of those each time one is made (six times the cost, after a few thousand).
        subprocess.run(["mkfs.ext4", "-q", "-F", image.name], check=True)
        options = "loop,noatime,discard,noinit_itable,nobarrier"
        return subprocess.run(["mount", "-o", options, image.name, str(folder)]).returncode == 0


def _room() -> int:
    return min(psutil.virtual_memory().available, shutil.disk_usage(MEMORY).free)
