"""A fresh file system for each run: creating files soon after deleting many is slow on some, and favours nobody."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

IMAGE_BYTES = 24 << 30


@contextmanager
def fresh_disk(image: Path) -> Iterator[Path]:
    """An empty folder that every account can enter: as root on a new ext4 in `image`, else where /var/tmp lies."""
    with tempfile.TemporaryDirectory(prefix="ospi-bench-", dir="/var/tmp") as folder:
        mount = Path(folder)
        mount.chmod(0o755)
        if os.geteuid() != 0:
            yield mount
            return
        with image.open("wb") as file:
            file.truncate(IMAGE_BYTES)
        format_ = ["mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0", str(image)]
        subprocess.run(format_, check=True)
        subprocess.run(["mount", "-o", "loop", str(image), folder], check=True)
        try:
            yield mount
        finally:
            subprocess.run(["umount", folder], check=True)
            image.unlink()
