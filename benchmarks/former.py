"""The program as it was at an earlier commit, which git has."""

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parents[1]


@contextmanager
def former_program(commit: str, *places: str) -> Iterator[Path]:
    """A folder with these `places` of the sources of then, that every account can read; gone after the block."""
    with tempfile.TemporaryDirectory(prefix="ospi-avant-", dir="/var/tmp") as name:
        Path(name).chmod(0o755)
        git = subprocess.Popen(["git", "archive", commit, *places], cwd=HERE, stdout=subprocess.PIPE)
        with git:
            subprocess.run(["tar", "--extract", f"--directory={name}"], stdin=git.stdout, check=True)
        yield Path(name)
