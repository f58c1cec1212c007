"""A hook that ignores its environment and tries to reach the real machine: `ATTEMPTS`, in JSON, is put in its place.

Each attempt is told in a line of JSON: what it reached, or why nothing. It ends well whatever it reached.
"""

import contextlib
import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

ATTEMPTS: dict[str, Any] = json.loads("""{attempts}""")
FIRST = 20
"""Those of a twin are few: none that it has of its own is ours to kill."""
MARK = "écrit depuis la répétition"


def write(path: str) -> str:
    """Into a real file, or a new one."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with Path(path).open("a") as file:
        file.write(MARK)
    return "written"


def read(path: str) -> str:
    """What a real file says."""
    return Path(path).read_text()


def connect(address: Any) -> str:
    """To a socket of the machine's, by its path, by its abstract name, or by address and port."""
    family = socket.AF_INET if isinstance(address, list) else socket.AF_UNIX
    place = tuple(address) if isinstance(address, list) else address.replace("@", "\0")
    with socket.socket(family) as client:
        client.settimeout(3)
        client.connect(place)
        client.sendall(MARK.encode())
    return "connected"


def kill(pid: int) -> str:
    """A real process."""
    os.kill(pid, signal.SIGKILL)
    return "killed"


def kill_all(_: None) -> str:
    """Everything that can be: all but the twin's first processes, which are root's, where root is not ours."""
    numbers = [int(place.name) for place in Path("/proc").iterdir() if place.name.isdigit()]
    for number in (number for number in numbers if number > FIRST):
        with contextlib.suppress(OSError):
            os.kill(number, signal.SIGKILL)
    return f"{max(numbers)} is the greatest"


def attach(key: int) -> str:
    """A segment of shared memory, by its key."""
    libc = ctypes.CDLL(None, use_errno=True)
    number = libc.shmget(key, 4096, 0o666)
    if number < 0:
        raise OSError(ctypes.get_errno(), "shmget")
    return "attached"


def run(command: list[str]) -> str:
    """A program of the system."""
    done = subprocess.run(command, input=MARK, capture_output=True, text=True, timeout=20)
    if done.returncode:
        raise OSError(done.returncode, done.stderr[:200])
    return f"done {done.stdout[:200]}"


def main() -> None:
    ways: dict[str, Callable[[Any], str]] = {
        way.__name__: way for way in (write, read, connect, kill, kill_all, attach, run)
    }
    for name, (way, argument) in ATTEMPTS.items():
        try:
            said = f"reached: {ways[way](argument)}"
        except Exception as error:  # noqa: BLE001 - each is tried
            said = f"nothing: {error!r}"
        sys.stdout.write(json.dumps({"name": name, "said": said}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
