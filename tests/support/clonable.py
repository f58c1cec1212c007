"""A file system of its own on which files can share blocks (XFS), as the demonstration of what clones cost."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.system import require_program, unavailable


@contextmanager
def clonable_disk(folder: Path, megabytes: int = 320) -> Iterator[Path]:
    """XFS in a file beside `folder`, mounted there. Fails under CI, else skips, where it cannot be mounted."""
    require_program("mkfs.xfs")
    image = folder.with_name(f"{folder.name}.img")
    with image.open("wb") as file:
        file.truncate(megabytes << 20)
    subprocess.run(["mkfs.xfs", "-q", "-f", str(image)], check=True)
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(["mount", "-o", "loop", str(image), str(folder)], capture_output=True, text=True, check=False)
    if done.returncode:
        unavailable(f"XFS cannot be mounted here: {done.stderr}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
        image.unlink()
