"""A screen of a browser's own, which nobody sees, and the accessibility bus on which it tells what is on it."""

import json
import os
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from tests.support.system import free_port, require_bindings, require_program, unavailable, wait_until

SIZE = "1280x900x24"
LAUNCHER = Path("/usr/libexec/at-spi-bus-launcher")
LISTENER = Path(__file__).with_name("accessibility_listener.py")


@contextmanager
def running(command: list[str], environment: Mapping[str, str], is_ready: Callable[[], object]) -> Iterator[None]:
    """That process while the block runs, once `is_ready` says so."""
    process = subprocess.Popen(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait_until(is_ready, command[0], seconds=120)
        yield
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def screen(home: Path) -> Iterator[dict[str, str]]:
    """The environment of programs that show themselves there and keep what they keep in the new folder `home`."""
    home.mkdir(mode=0o700)
    number = free_port()  # a screen of that number is nobody else's
    socket = Path(f"/tmp/.X11-unix/X{number}")  # noqa: S108 - where X has it
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "XDG_RUNTIME_DIR": str(home),
        "DISPLAY": f":{number}",
        "LIBGL_ALWAYS_SOFTWARE": "1",
        "GSETTINGS_BACKEND": "memory",
        "NO_AT_BRIDGE": "1",
    }
    show = [require_program("Xvfb"), f":{number}", "-screen", "0", SIZE, "-nolisten", "tcp"]
    with running(show, environment, socket.exists):
        yield environment


@dataclass
class Heard:
    """What a screen reader is told, in order, and the environment of the programs that tell it.

    Each event is as `accessibility_listener.py` writes it.
    """

    environment: dict[str, str]
    events: list[dict[str, Any]] = field(default_factory=list)

    def spoken(self) -> list[str]:
        """What was said without having been asked for: texts that came into live regions."""
        return [
            event["text"]
            for event in self.events
            if event["type"].startswith("object:text-changed:insert") and event["live"] and event["text"].strip()
        ]

    def focused(self) -> list[str]:
        """The names of what had the focus, in turn."""
        return [event["name"] for event in self.events if event["type"] == "object:state-changed:focused"]


@contextmanager
def accessibility_bus(shown: Mapping[str, str]) -> Iterator[Heard]:
    """A bus of one's own on that screen, and somebody who listens to it."""
    require_program("dbus-daemon")
    require_bindings()
    if not LAUNCHER.exists():
        unavailable("at-spi2-core is not installed; `make system-packages` installs it, as root on Debian")
    session = Path(shown["HOME"], "session")
    environment = {**shown, "DBUS_SESSION_BUS_ADDRESS": f"unix:path={session}", "GNOME_ACCESSIBILITY": "1"}
    del environment["NO_AT_BRIDGE"]
    heard = Heard(environment)
    bus = ["dbus-daemon", "--session", "--nofork", "--nopidfile", f"--address=unix:path={session}"]
    launch = [str(LAUNCHER), "--launch-immediately", "--a11y=1", "--screen-reader=1"]
    with ExitStack() as stack:
        stack.enter_context(running(bus, environment, session.exists))
        stack.enter_context(running(launch, environment, lambda: any(session.parent.glob("at-spi/bus*"))))
        listener = stack.enter_context(
            subprocess.Popen(["/usr/bin/python3", str(LISTENER)], env=environment, stdout=subprocess.PIPE, text=True)
        )
        stack.callback(listener.terminate)
        assert listener.stdout
        assert listener.stdout.readline() == "ready\n"
        threading.Thread(target=_hear, args=[listener.stdout, heard], daemon=True).start()
        yield heard


def _hear(lines: IO[str], heard: Heard) -> None:
    for line in lines:
        heard.events.append(json.loads(line))
