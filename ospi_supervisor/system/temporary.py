"""Folders for a moment, which say whose they are: what a killed process left of them is found, and removed."""

import os
import re
import shutil
import tempfile
from pathlib import Path

_NAME = re.compile(r"ospi-(\d+)-")


def temporary_folder() -> tempfile.TemporaryDirectory[str]:
    """A folder of this process's own, gone after the block. OSError."""
    return tempfile.TemporaryDirectory(prefix=f"ospi-{os.getpid()}-")


def remove_those_of_the_dead() -> None:
    """Remove those of this account's processes that are no more; others of this machine keep theirs. OSError."""
    for path in Path(tempfile.gettempdir()).iterdir():
        whose = _NAME.match(path.name)
        if whose and not Path("/proc", whose[1]).exists() and path.lstat().st_uid == os.geteuid():
            shutil.rmtree(path)
