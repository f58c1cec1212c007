"""A disk with bad sectors: a file there can be read up to some byte, and no further, by nobody."""

import os
import subprocess
from pathlib import Path

SIZE = 2_500_000
DISK_BYTES, LEFT_BYTES = 4 << 20, 1500 << 10


def mount_bad_disk(image: Path, folder: Path, name: str = "abîmé") -> Path:
    """Mount at `folder` a disk that lies in `image`, on which the file `name` has lost its end; that file. Needs root.

    The image is shorter than the file system in it: the kernel answers what lies beyond with an input/output error.
    """
    image.write_bytes(b"")
    os.truncate(image, DISK_BYTES)
    subprocess.run(["mkfs.ext4", "-q", "-F", "-O", "^has_journal", "-b", "1024", str(image)], check=True)
    folder.mkdir()
    _mount(image, folder)
    (folder / name).write_bytes(os.urandom(SIZE))
    (folder / "lost+found").rmdir()
    subprocess.run(["umount", str(folder)], check=True)
    _mount(image, folder, "ro")
    os.truncate(image, LEFT_BYTES)
    with image.open("rb") as file:
        os.posix_fadvise(file.fileno(), LEFT_BYTES, 0, os.POSIX_FADV_DONTNEED)
    return folder / name


def unmount_bad_disk(image: Path, folder: Path) -> None:
    """The disk is gone, and the folder with it."""
    subprocess.run(["umount", str(folder)], check=True)
    folder.rmdir()
    image.unlink()


def _mount(image: Path, folder: Path, mode: str = "rw") -> None:
    subprocess.run(["mount", "-o", f"loop,{mode}", str(image), str(folder)], check=True)
