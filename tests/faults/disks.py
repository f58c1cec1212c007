"""Disks of a world's own: small ones to be filled, and one that loses, as a power cut does, what was not synced."""

import contextlib
import fcntl
import gc
import os
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

EXT4_IOC_SHUTDOWN = 0x8004587D  # linux/ext4.h: _IOR('X', 125, __u32)
NOLOGFLUSH = 2
"""Neither the journal nor dirty pages are written: what was not synced is gone at the next mount."""

BUSY_SECONDS = 30.0
KEPT_SECONDS = 120.0
INIT = 1
FILLER = "remplissage"


@contextmanager
def tmpfs(folder: Path, size: str) -> Iterator[None]:
    """A small disk in memory at `folder`, while the block runs."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "tmpfs", str(folder)], check=True)
    try:
        yield
    finally:
        unmount(folder)


class CuttableDisk:
    """An ext4 file system in a file, whose power can be cut."""

    def __init__(self, image: Path, folder: Path, megabytes: int) -> None:
        self._image = image
        self._folder = folder
        with image.open("wb") as file:
            file.truncate(megabytes << 20)
        subprocess.run(["mkfs.ext4", "-q", "-E", "lazy_itable_init=0", str(image)], check=True)
        folder.mkdir(parents=True, exist_ok=True)
        self._mount()
        folder.chmod(0o755)

    def cut(self) -> None:
        """From now on nothing reaches the disk, and every access fails."""
        descriptor = os.open(self._folder, os.O_RDONLY)
        try:
            fcntl.ioctl(descriptor, EXT4_IOC_SHUTDOWN, struct.pack("I", NOLOGFLUSH))
        finally:
            os.close(descriptor)

    def boot(self) -> None:
        """Mount it again: its journal is replayed, as at a machine's start. Nobody may have a file open on it.

        TimeoutError where others keep it: another test's process may have had a copy of our mounts. Mounted before it
        was let go, it would be the one that was cut.
        """
        unmount(self._folder)
        deadline = time.monotonic() + KEPT_SECONDS
        while self._is_kept():
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self._image} is kept by another's mounts")
            time.sleep(0.05)
        self._mount()

    def close(self) -> None:
        """Give it back, in use or not."""
        subprocess.run(["umount", "--lazy", str(self._folder)], check=True)
        self._image.unlink()

    def _is_kept(self) -> bool:
        shown = subprocess.run(["losetup", "--associated", str(self._image)], check=True, capture_output=True)
        return shown.stdout != b""

    def _mount(self) -> None:
        subprocess.run(["mount", "-o", "loop", str(self._image), str(self._folder)], check=True)


def unmount(folder: Path) -> None:
    """Unmount, whoever still has a file open there: such a process is killed. TimeoutError."""
    gc.collect()  # huey, by which this process asks for updates, closes its queue's file no earlier
    deadline = time.monotonic() + BUSY_SECONDS
    while subprocess.run(["umount", str(folder)], capture_output=True).returncode != 0:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{folder} cannot be unmounted")
        for holder in holders(folder):
            with contextlib.suppress(psutil.NoSuchProcess):
                holder.kill()
        time.sleep(0.05)
    while elsewhere := list(mounted_by(folder)):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{folder} is still mounted for {elsewhere}")
        for holder in elsewhere:
            with contextlib.suppress(psutil.NoSuchProcess):
                holder.kill()  # a twin whose worker was killed: as long as it lives, so does the disk that was cut
        time.sleep(0.05)


def named(root: Path, name: str) -> Iterator[Path]:
    """The files of that name below `root`, where folders may vanish meanwhile: a twin's, for one."""
    for folder, _, files in os.walk(root):
        if name in files:
            yield Path(folder, name)


def mounted_by(folder: Path) -> Iterator[psutil.Process]:
    """The processes that nobody waits for and that have that disk in a mount namespace of their own.

    What another test starts beside us has it too as long as it has its copy of our mounts: that ends by itself.
    """
    ours = Path("/proc/self/ns/mnt").readlink()
    for process in psutil.process_iter():
        with contextlib.suppress(OSError, psutil.NoSuchProcess):
            eldest = [process, *(parent for parent in process.parents() if parent.pid != INIT)][-1]
            if Path(f"/proc/{eldest.pid}/ns/mnt").readlink() != ours:
                mounts = Path(f"/proc/{process.pid}/mountinfo").read_text(errors="surrogateescape")
                if f" {folder} " in mounts:
                    yield process


def holders(folder: Path) -> list[psutil.Process]:
    """The processes, this one apart, that work in `folder` or have a file of it open."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            places = [process.cwd(), *(file.path for file in process.open_files())]
            if process.pid != os.getpid() and any(Path(place).is_relative_to(folder) for place in places):
                found.append(process)
    return found


def fill(folder: Path) -> None:
    """Fill the disk of `folder` to its last byte."""
    with (folder / FILLER).open("wb", buffering=0) as file:
        for size in (1 << 20, 4096, 1):
            try:
                while file.write(b"x" * size):
                    continue
            except OSError:
                continue


def set_read_only(folder: Path, on: bool) -> bool:
    """Remount the disk of `folder`; whether the kernel agreed (it does not while a file is open for writing)."""
    options = f"remount,{'ro' if on else 'rw'}"
    return subprocess.run(["mount", "-o", options, str(folder)], capture_output=True).returncode == 0
