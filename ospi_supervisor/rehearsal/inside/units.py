"""In a twin: starts what systemd would, with the settings that lie in the twin by then, and watches it."""

import os
import re
import shlex
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, cast

from ospi_supervisor.errors import PlatformError
from ospi_supervisor.hands.inside.answers import Command, alive
from ospi_supervisor.rehearsal.inside.program import start_program
from ospi_supervisor.system.exits import watched
from ospi_supervisor.system.files import open_regular

BEAT_SECONDS = 0.2
FIRST_LOOK_SECONDS = 0.2
LAST_BYTES, LAST_WORDS = 4096, 300
MOST_SETTINGS = 1 << 20

_QUOTED = re.compile(r"""[ \t]*(?:'([^']*)'|"((?:[^"\\]|\\.)*)")""", re.DOTALL)
_SETTING = re.compile(r"[ \t]*([^\s=#;][^=\n]*)=", re.DOTALL)
_PLAIN = re.compile(r"[ \t]*((?:[^\\\n]|\\.)*)(?:\n|\Z)", re.DOTALL)
_OTHER = re.compile(r"[ \t]*(?:[#;](?:[^\\\n]|\\.)*|[^\n]*)(?:\n|\Z)", re.DOTALL)
_VARIABLE = re.compile(r"\$\$|\$\{(\w+)\}")
_SECRET = re.compile(r"pass|pwd|secret|token|key|cred", re.IGNORECASE)


class Units:
    """What systemd would have started."""

    def __init__(self) -> None:
        self._running: list[tuple[str, subprocess.Popen[bytes], _Said]] = []

    def launch(self, command: Command, _: BinaryIO) -> Iterator[list[str]]:
        """Start a unit's program. One that `ends` is waited for; another is watched until the twin's end."""
        name = command["name"]
        try:
            env = command["env"] | settings_in(command["settings"])
        except OSError as error:
            yield ["twin", f"l'unité {name} : {error}"]
            return
        path, *arguments = command["command"]
        words = [path, *(word for argument in arguments for word in expanded(argument, env))]
        said = _Said(env)
        try:
            process = start_program(command | {"command": words, "env": env}, subprocess.DEVNULL, said.file.fileno())
        except OSError as error:
            yield ["failed", f"l'unité {name} ne démarre pas : {error}"]
            return
        if command["ends"]:
            yield from self._end_of(command, process, said)
            return
        self._running.append((name, process, said))
        time.sleep(FIRST_LOOK_SECONDS)
        try:
            self.look()
        except PlatformError as error:
            yield ["failed", str(error)]
        else:
            yield ["done"]

    def look(self) -> None:
        """Tell that work goes on; PlatformError where one has ended."""
        alive()
        for name, process, said in self._running:
            if process.poll() is not None:
                raise PlatformError(said.how_ended(name, process.returncode))

    def _end_of(self, command: Command, process: subprocess.Popen[bytes], said: "_Said") -> Iterator[list[str]]:
        end = time.monotonic() + command["seconds"]
        with watched(process) as watch:
            while not watch.has_ended(BEAT_SECONDS):
                alive()
                if time.monotonic() > end:
                    yield ["twin", f"l'unité {command['name']} : {command['command'][0]} n'a pas fini à temps"]
                    return
        if process.returncode and not command["may_fail"]:
            yield ["failed", said.how_ended(command["name"], process.returncode)]
        else:
            yield ["done"]


class _Said:
    """What a unit's program prints; its secrets stay in it."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self.file = cast(BinaryIO, tempfile.TemporaryFile())  # noqa: SIM115 - as long as the twin
        self._secrets = [value for name, value in env.items() if value and _SECRET.search(name)]

    def how_ended(self, name: str, code: int) -> str:
        """Its end, with its last words."""
        self.file.seek(max(0, self.file.seek(0, os.SEEK_END) - LAST_BYTES))
        said = self.file.read().decode(errors="replace").strip()
        for secret in self._secrets:
            said = said.replace(secret, "***")
        return f"l'unité {name} s'est arrêtée (code {code}){f' : {said[-LAST_WORDS:]}' if said else ''}"


def settings_in(files: Sequence[tuple[str, bool]]) -> dict[str, str]:
    """What the environment files set, of which each may be a pattern, and be missing or not. OSError."""
    env: dict[str, str] = {}
    for pattern, may_be_missing in files:
        found = sorted(Path("/").glob(pattern.lstrip("/")))
        if not found and not may_be_missing:
            raise FileNotFoundError(f"{pattern} manque")
        for path in found:
            with open_regular(path) as file:
                env |= settings(file.read(MOST_SETTINGS).decode("utf-8", errors="surrogateescape"))
    return env


def settings(text: str) -> dict[str, str]:
    """What the text of an environment file sets (systemd.exec(5), EnvironmentFile): quotes count where a value begins,
    what follows them is taken as it is, and a line goes on behind a backslash."""
    env, position = {}, 0
    while position < len(text):
        found = _SETTING.match(text, position)
        if found is None:
            position = _after(_OTHER, text, position)
            continue
        value, position = "", found.end()
        while quoted := _QUOTED.match(text, position):
            value += quoted[1] if quoted[1] is not None else re.sub(r'\\(["\\`$])|\\\n', _or_nothing, quoted[2])
            position = quoted.end()
        plain = _PLAIN.match(text, position)
        if plain is not None:
            value += re.sub(r"\\(.)", lambda one: one[1].strip("\n"), plain[1].rstrip(), flags=re.DOTALL)
        position = _after(_PLAIN, text, position)
        env[found[1].strip()] = value
    return env


def _after(pattern: re.Pattern[str], text: str, position: int) -> int:
    found = pattern.match(text, position)
    return len(text) if found is None else max(found.end(), position + 1)


def _or_nothing(found: re.Match[str]) -> str:
    return found[1] or ""


def expanded(argument: str, env: Mapping[str, str]) -> list[str]:
    """A word of a command as systemd gives it to the program (systemd.service(5), command lines): `$NAME` alone makes
    several words, or none; `${NAME}` none more; `$$` is a dollar."""
    if re.fullmatch(r"\$\w+", argument):
        value: str = env.get(argument[1:], "")
        try:
            return shlex.split(value)
        except ValueError:  # a quote that is never closed
            return value.split()
    return [_VARIABLE.sub(lambda found: env.get(found[1], "") if found[1] else "$", argument)]
