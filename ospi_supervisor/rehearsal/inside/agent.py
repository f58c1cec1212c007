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
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from ospi_supervisor.config.tables import PlatformTable, ServiceTable
from ospi_supervisor.errors import HookError, PlatformError
from ospi_supervisor.hands.inside.answers import Command, alive, serve
from ospi_supervisor.platform.health import Health
from ospi_supervisor.platform.hook_output import Kept, Sinks
from ospi_supervisor.platform.hooks import run_hook
from ospi_supervisor.platform.services import Services
from ospi_supervisor.rehearsal.inside.program import start_program
from ospi_supervisor.rehearsal.inside.units import Units
from ospi_supervisor.system.exits import watched

PIECE = 4096
"""Characters of a log in one line: six times as much at most, once encoded."""
MOST_OUTPUT = 1 << 20
BEAT_SECONDS = 0.2
_SET_ADDRESS, _SET_MASK = 0x8916, 0x891C
NO_HOLD = Path("/tmp/.aucune-retenue")  # noqa: S108 - the twin's own
TIMED_OUT = "a dépassé sa limite"
UNITS = Units()


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
    with start_program(command, subprocess.PIPE, subprocess.PIPE) as process:
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
    start_program(command, subprocess.DEVNULL, subprocess.DEVNULL)
    yield ["done"]
