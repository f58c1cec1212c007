"""Second accounts: what an attacker does under one of them."""

import os
import subprocess
from pathlib import Path
from typing import Any

from tests.support.system import require_root

NOBODY = 65534
DAEMON = 1
PYTHON = "/usr/bin/python3"


def give(path: Path, account: int = NOBODY) -> Path:
    """Give `path` to another account. Needs root."""
    require_root("a folder is given to another account")
    os.chown(path, account, account, follow_symlinks=False)
    return path


def as_account(code: str, *words: object, account: int = NOBODY) -> None:
    """Run Python `code` as that account, to its end."""
    start_as(code, *words, account=account).wait()


def start_as(code: str, *words: object, account: int = NOBODY, **options: Any) -> subprocess.Popen[bytes]:
    """The same under way."""
    command = [PYTHON, "-c", code, *map(str, words)]
    return subprocess.Popen(command, user=account, group=account, extra_groups=[], cwd="/", **options)
