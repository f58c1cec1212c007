"""The first program of a twin: does in it what the worker asks, with the platform's own rooms.

Its answers are those of a hand (`hands/inside/answers.py`): lists while it works, then `["done"]`, or
`["failed", words]` where what was played failed, or `["twin", words]` where the twin did.
"""

import fcntl
import os
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, cast

import msgspec

from ospi_supervisor.config.tables import PlatformTable, ServiceTable
from ospi_supervisor.errors import HookError, PlatformError
from ospi_supervisor.hands.inside.answers import Command, alive, serve
from ospi_supervisor.platform.health import Health
from ospi_supervisor.platform.hook_output import Kept, Sinks
from ospi_supervisor.platform.hooks import run_hook
from ospi_supervisor.platform.processes import base_environment, watched
from ospi_supervisor.platform.services import Services

PIECE = 4096
"""Characters of a log in one line: six times as much at most, once encoded."""
MOST_OUTPUT = 1 << 20
BEAT_SECONDS = 0.2
FIRST_LOOK_SECONDS = 0.2
LAST_WORDS = 300
_SET_ADDRESS, _SET_MASK = 0x8916, 0x891C
NO_HOLD = Path("/tmp/.aucune-retenue")  # noqa: S108 - the twin's own
TIMED_OUT = "a dépassé sa limite"


def main() -> None:
    """Answer until nothing more is asked."""
    os.umask(0o022)
    serve(
        {
            "begin": _begin,
            "hook": _hook,
            "services": _services,
            "launch": UNITS.launch,
            "health": _health,
            "run": _run,
            "start": _start,
        }
    )


def _say(value: Sequence[Any]) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(value) + b"\n")
    sys.stdout.buffer.flush()


def _played(play: Callable[[], None]) -> Iterator[list[str]]:
    try:
        play()
    except HookError as error:
        kind = "twin" if TIMED_OUT in str(error) else "failed"
        yield [kind, str(error)]
    except PlatformError as error:
        yield ["failed", str(error)]
    else:
        yield ["done"]


def _begin(command: Command, _: BinaryIO) -> Iterator[list[str]]:
    """The environment of all that follows, and the addresses that the loopback answers on."""
    os.environ.update(command["env"])
    for number, address in enumerate(command["addresses"]):
        _answer_on(f"lo:{number}", address)
    yield ["done"]


def _answer_on(name: str, address: str) -> None:
    if ":" in address:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as any_socket:
            asked = struct.pack("16sIi", socket.inet_pton(socket.AF_INET6, address), 128, socket.if_nametoindex("lo"))
            fcntl.ioctl(any_socket, _SET_ADDRESS, asked)
        return
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        for request, value in ((_SET_ADDRESS, address), (_SET_MASK, "255.255.255.255")):
            asked = struct.pack("16sHH4s8x", name.encode(), socket.AF_INET, 0, socket.inet_aton(value))
            fcntl.ioctl(any_socket, request, asked)


def _hook(command: Command, _: BinaryIO) -> Iterator[list[str]]:
    def log(text: str) -> None:
        for start in range(0, len(text), PIECE):
            _say(["log", text[start : start + PIECE]])

    sinks = Sinks(
        on_progress=lambda percent, text: _say(["progress", percent, text]),
        on_log=log,
        on_lines=lambda lines, count: _say(["lines", [line[:PIECE] for line in lines], count]),
        clean=lambda text: text,  # the worker does: it knows the secrets
    )
    yield from _played(
        lambda: run_hook(
            Path(command["executable"]),
            env=command["env"],
            cwd=Path(command["cwd"]),
            account=command["account"],
            timeout=command["timeout"],
            sinks=sinks,
            kept=Kept(*command["kept"]),
            beat=alive,
        )
    )


def _services(command: Command, _: BinaryIO) -> Iterator[list[str]]:
    """Start them, in their order."""
    tables = msgspec.convert(command["tables"], tuple[ServiceTable, ...])
    services = Services(tables, NO_HOLD, command["account"])
    yield from _played(services.start)


class _Units:
    """What systemd would have started."""

    def __init__(self) -> None:
        self._running: list[tuple[str, subprocess.Popen[bytes], BinaryIO]] = []

    def launch(self, command: Command, _: BinaryIO) -> Iterator[list[str]]:
        """Start a unit's program. One that `ends` is waited for; another is watched until the twin's end."""
        name, output = command["name"], cast(BinaryIO, tempfile.TemporaryFile())  # noqa: SIM115 - as long as the twin
        try:
            process = _program(command, subprocess.DEVNULL, output.fileno())
        except OSError as error:
            yield ["failed", f"l'unité {name} ne démarre pas : {error}"]
            return
        if not command["ends"]:
            self._running.append((name, process, output))
            time.sleep(FIRST_LOOK_SECONDS)
            yield from _played(self.look)
            return
        end = time.monotonic() + command["seconds"]
        with watched(process) as watch:
            while not watch.has_ended(BEAT_SECONDS):
                alive()
                if time.monotonic() > end:
                    yield ["twin", f"l'unité {name} : {command['command'][0]} n'a pas fini à temps"]
                    return
        yield ["done"] if not process.returncode or command["may_fail"] else ["failed", _ended(name, process, output)]

    def look(self) -> None:
        """Tell that work goes on; PlatformError where one has ended."""
        alive()
        for name, process, output in self._running:
            if process.poll() is not None:
                raise PlatformError(_ended(name, process, output))


UNITS = _Units()


def _ended(name: str, process: subprocess.Popen[bytes], output: BinaryIO) -> str:
    output.seek(0)
    said = output.read(MOST_OUTPUT).decode(errors="replace").strip()[-LAST_WORDS:]
    return f"l'unité {name} s'est arrêtée (code {process.returncode}){f' : {said}' if said else ''}"


def _health(command: Command, _: BinaryIO) -> Iterator[list[str]]:
    """Ask the health address until it is well."""
    platform = PlatformTable(
        product="",
        name="",
        root=Path("/"),
        public_url=command["url"],
        health_url=command["url"],
        ca_bundle=Path(command["ca_bundle"]) if command["ca_bundle"] else None,
    )
    yield from _played(lambda: Health(platform).wait(command["version"], command["timeout"], UNITS.look))


def _run(command: Command, _: BinaryIO) -> Iterator[list[Any]]:
    """A program to its end: its exit status and output."""
    with _program(command, subprocess.PIPE, subprocess.PIPE) as process:
        stdin, stdout = process.stdin, process.stdout
        assert stdin is not None  # noqa: S101 - for the type checker
        assert stdout is not None  # noqa: S101 - for the type checker
        stdin.write(command["given"].encode(errors="surrogateescape"))
        stdin.close()
        os.set_blocking(stdout.fileno(), False)
        said, left = b"", float(command["seconds"])
        with watched(process) as watch:
            while not watch.has_ended(BEAT_SECONDS):
                alive()
                said = _more(stdout, said)
                left -= BEAT_SECONDS
                if left < 0:
                    process.kill()
                    yield ["twin", f"{command['command'][0]} n'a pas fini en {command['seconds']:g} secondes"]
                    return
        yield ["ended", process.returncode, _more(stdout, said).decode(errors="replace")]


def _more(pipe: Any, said: bytes) -> bytes:
    while len(said) < MOST_OUTPUT and (piece := pipe.read(MOST_OUTPUT)):
        said += piece
    return said[:MOST_OUTPUT]


def _start(command: Command, _: BinaryIO) -> Iterator[list[str]]:
    """A program in the background."""
    _program(command, subprocess.DEVNULL, subprocess.DEVNULL)
    yield ["done"]


def _program(command: Command, given: int, output: int) -> subprocess.Popen[bytes]:
    user, *groups = command["account"]
    identity: dict[str, Any] = {}
    if os.geteuid() == 0:
        identity = {"user": user, "group": groups[0], "extra_groups": groups}
    return subprocess.Popen(
        command["command"],
        stdin=given,
        stdout=output,
        stderr=subprocess.STDOUT,
        env={**base_environment(None), **command["env"]},
        cwd=command["cwd"],
        start_new_session=True,
        **identity,
    )
