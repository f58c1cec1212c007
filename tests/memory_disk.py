"""`-p tests.memory_disk`: what tests write lies in memory, where there is room. All of it is gone at the end: who wants
to see what a test left runs it without, or names a folder by --basetemp."""

import atexit
import os
import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.memory_disk import LASTING, in_memory


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Give the run its folder, before `conftest.py` finds one."""
    if config.option.basetemp is not None:  # a worker of pytest-xdist has its share of it
        return
    stack = ExitStack()
    atexit.register(stack.close)  # after what multiprocessing tidies in it, which is registered later
    folder = Path(tempfile.mkdtemp(prefix="ospi-tests-", dir="/var/tmp"))  # not where a reboot empties
    stack.callback(shutil.rmtree, folder, ignore_errors=True)
    stack.enter_context(in_memory(folder))
    folder.chmod(0o1777)
    config.option.basetemp = f"{folder}/run"
    os.environ["TMPDIR"] = os.environ[LASTING] = str(folder)
    tempfile.tempdir = None
