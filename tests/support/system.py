"""System programs that some tests use as real parts, and the ports that they listen on."""

import contextlib
import os
import random
import shutil
import socket
import stat
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import cache
from itertools import cycle
from pathlib import Path
from typing import NoReturn

import pytest

PORTS = range(28_000, 32_768)
"""Above those of the fault campaign."""
SBIN = "/usr/sbin:/sbin"


def require_program(name: str) -> str:
    """The path of a program of the system. Without it, the test fails under CI=true and is skipped elsewhere."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:{SBIN}")
    if found is None:
        unavailable(f"{name} is not installed; `make system-packages` installs it, as root on Debian")
    return found


def require_root(what_for: str) -> None:
    """Without root's rights, the test fails under CI=true and is skipped elsewhere."""
    if os.geteuid() != 0:
        unavailable(f"needs root: {what_for}")


def unavailable(reason: str) -> NoReturn:
    """Fail under CI=true, where nothing may be skipped; skip elsewhere, saying so."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def free_port() -> int:
    """A port of the loopback address that nobody uses, and that nobody is given before it is listened on: below the
    range that the kernel hands out to clients, and at random, for other tests of this machine ask at the same time."""
    while True:
        port = next(_own_ports())
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


@cache
def _own_ports() -> Iterator[int]:
    """Each port in its turn, so that none is given twice while it waits to be listened on; those who test beside this
    process have others."""
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    own = list(PORTS[number :: int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))])
    random.SystemRandom().shuffle(own)
    return cycle(own)


def listens(port: int) -> bool:
    """Whether somebody accepts connections on that port of the loopback address."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def require_bindings() -> None:
    """Fails under CI, else skips, where the system's Python has no `gi`, through which a test speaks to a bus."""
    if subprocess.run(["/usr/bin/python3", "-c", "import gi"], capture_output=True, check=False).returncode != 0:
        unavailable("python3-gi is not installed; `make system-packages` installs it, as root on Debian")


def wait_until(condition: Callable[[], object], what: str, seconds: float = 180.0) -> None:
    """Return once `condition` holds; AssertionError naming `what` after so many seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {seconds:g} s"
        time.sleep(0.02)


def let_others_in(folder: Path) -> None:
    """Open a temporary folder, and those that it lies in, to other accounts; the system's own is left as it is."""
    top = Path(tempfile.gettempdir())
    for place in (folder, *folder.parents):
        if top in place.parents:
            place.chmod(stat.S_IMODE(place.stat().st_mode) | 0o055)
