"""What `make dist` makes, and a server to put it on: once for all tests of these."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from playwright.sync_api import Browser, Playwright

from demo.layout import REPOSITORY
from tests.conftest import OFFLINE, QUIET
from tests.distribution.server import Server, make_root
from tests.support.system import require_program


@pytest.fixture(scope="session")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the vendor hands over, with its keys: `make dist`'s own."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "distribution", "--output", str(folder)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="session")
def debian(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A fresh system, to be copied; not in a folder that a reboot empties."""
    with TemporaryDirectory(dir="/var/tmp") as folder:
        Path(folder).chmod(0o755)
        make_root(Path(folder) / "debian")
        yield Path(folder) / "debian"


@pytest.fixture(scope="module")
def server(debian: Path, delivered: Path) -> Iterator[Server]:
    """A server of one file's tests' own."""
    with TemporaryDirectory(dir="/var/tmp") as folder:
        Path(folder).chmod(0o755)
        root = Path(folder) / "root"
        subprocess.run(["cp", "--archive", "--reflink=auto", debian, root], check=True)
        server = Server(root, delivered)
        yield server
        server.cut_power()


BrowserOn = Callable[[Server], Browser]


@pytest.fixture(scope="module")
def browser_on(playwright: Playwright, tmp_path_factory: pytest.TempPathFactory) -> BrowserOn:
    """Chromium on a server's own network, as that server is up at this moment."""

    def start(server: Server) -> Browser:
        program = tmp_path_factory.mktemp("browser") / "chromium"
        enter = f"exec nsenter --target {server.pid} --net"
        program.write_text(f'#!/bin/sh\n{enter} {require_program("chromium")} "$@"\n')
        program.chmod(0o755)
        names = "--host-resolver-rules=MAP *.test 127.0.0.1"
        return playwright.chromium.launch(executable_path=program, args=[*QUIET, *OFFLINE, names])

    return start
