"""System programs that some tests use as real parts, and the ports that they listen on."""

import os
import shutil
import socket
import time
from collections.abc import Callable
from typing import NoReturn

import pytest

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
    """A port of the loopback address that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def listens(port: int) -> bool:
    """Whether somebody accepts connections on that port of the loopback address."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_until(condition: Callable[[], object], what: str, seconds: float = 60.0) -> None:
    """Return once `condition` holds; AssertionError naming `what` after so many seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {seconds:g} s"
        time.sleep(0.02)
