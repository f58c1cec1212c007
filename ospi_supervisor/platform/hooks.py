"""Runs a release's hooks: under the platform's account, in a group of their own, and leaving nothing behind.

A hook prints its log on standard output; a line `@progress 42 message` moves the bar. See `docs/deploiement.md`.
"""

import hashlib
import os
import re
import select
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO

from ospi_supervisor.errors import HookError
from ospi_supervisor.platform.processes import end_group, kill_marked, spawn

BEAT_SECONDS = 0.2
POLL_SECONDS = 0.05
READ_BYTES = 1 << 16
MAX_PIPE_BYTES = 1 << 20
"""What a hook may have left in the pipe; a process that it left behind could fill it for ever."""

MAX_LINE_BYTES = 8192
"""A longer line is cut into pieces of this size: a hook never makes the worker hold its output in memory."""

RELEASE_DIR = "OSPI_RELEASE_DIR"
"""The variable that names the release a hook belongs to."""

_PROGRESS = re.compile(r"@progress\s+(\d{1,3}(?:\.\d*)?)(?:\s+(.*))?")


def run_hook(
    executable: Path,
    *,
    env: Mapping[str, str],
    cwd: Path,
    account: str | None,
    timeout: float,
    on_progress: Callable[[float, str], None],
    on_line: Callable[[str], None],
    beat: Callable[[], None],
    clean: Callable[[str], str],
) -> None:
    """Run one hook to its end; HookError with its last line where it fails or takes more than `timeout` seconds.

    `env` is the contract's environment. `beat` is called several times a second, and what it raises ends the
    hook. However the hook ends, every process that it left is killed before this returns; PlatformError where one
    cannot be. Nothing of what it prints leaves this function without having gone through `clean`: it knows secrets
    that its readers may not.
    """
    reader = _Reader(on_progress, on_line, clean)
    mark = _mark_below(Path(env[RELEASE_DIR]).parent)
    try:
        process = spawn([executable], account=account, cwd=cwd, output=subprocess.PIPE, env=env, mark=mark)
    except OSError as error:
        raise HookError(f"le script {executable.name} ne peut pas être lancé : {error.strerror}") from error
    with _output(process) as output:  # closed, never read to its end: what a hook started may hold it open
        try:
            _follow(process, output.fileno(), reader, executable.name, timeout, beat)
        finally:
            end_group(process)
            kill_marked(mark)
    if process.returncode != 0:
        raise HookError(f"le script {executable.name} a échoué ({_ending(process.returncode)}){reader.last_words()}")


def kill_leftovers(root: Path) -> int:
    """Kill what the hooks of a worker that died left running for the platform at `root`; how many there were.

    A process is a hook's when it bears this platform's mark, which hooks alone are started with: services never do.
    """
    return kill_marked(_mark_below(root / "releases"))


def _mark_below(releases: Path) -> int:
    """The mark of the hooks whose releases lie there: a realtime limit of some 146,000 years, and a few more."""
    return 2**62 + int.from_bytes(hashlib.sha256(os.fsencode(releases)).digest()[:5])


def _follow(
    process: subprocess.Popen[bytes],
    output: int,
    reader: "_Reader",
    name: str,
    timeout: float,
    beat: Callable[[], None],
) -> None:
    """Read the hook's output until it has ended, whoever else still holds that output open."""
    deadline = time.monotonic() + timeout
    next_beat = 0.0
    while process.poll() is None:
        now = time.monotonic()
        if now >= next_beat:
            beat()
            next_beat = now + BEAT_SECONDS
        if now > deadline:
            raise HookError(f"le script {name} a dépassé sa limite de {timeout:g} secondes{reader.last_words()}")
        if data := _read(output, POLL_SECONDS):
            reader.feed(data)
        else:
            time.sleep(POLL_SECONDS / 10)  # silent, or it closed its output and still works
    drained = 0
    while drained < MAX_PIPE_BYTES and (data := _read(output, 0)):
        reader.feed(data)
        drained += len(data)
    reader.finish()


def _output(process: subprocess.Popen[bytes]) -> IO[bytes]:
    if process.stdout is None:
        raise ValueError("the hook's output is not a pipe")
    return process.stdout


def _read(descriptor: int, patience: float) -> bytes:
    """What there is to read within `patience` seconds; nothing where there is none."""
    ready, _, _ = select.select([descriptor], [], [], patience)
    return os.read(descriptor, READ_BYTES) if ready else b""


class _Reader:
    """Cuts output into lines and tells progress from log."""

    def __init__(
        self, on_progress: Callable[[float, str], None], on_line: Callable[[str], None], clean: Callable[[str], str]
    ) -> None:
        self._on_progress = on_progress
        self._on_line = on_line
        self._clean = clean
        self._rest = b""
        self._last = ""

    def feed(self, data: bytes) -> None:
        """Take the next bytes."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._tell(line)
        while len(self._rest) > MAX_LINE_BYTES:
            self._tell(self._rest[:MAX_LINE_BYTES])
            self._rest = self._rest[MAX_LINE_BYTES:]

    def finish(self) -> None:
        """The output is at its end: a last line without newline counts."""
        if self._rest:
            self._tell(self._rest)
            self._rest = b""

    def last_words(self) -> str:
        """The last line of log, to be put behind a message."""
        return f" : {self._last[:300]}" if self._last else ""

    def _tell(self, raw: bytes) -> None:
        while len(raw) > MAX_LINE_BYTES:
            self._tell(raw[:MAX_LINE_BYTES])
            raw = raw[MAX_LINE_BYTES:]
        line = self._clean(raw.rstrip(b"\r").decode("utf-8", errors="replace"))
        if line.startswith("@progress") and (match := _PROGRESS.fullmatch(line)) and float(match[1]) <= 100:
            self._on_progress(float(match[1]), match[2] or "")
        else:
            self._last = line or self._last
            self._on_line(line)


def _ending(code: int) -> str:
    return f"code {code}" if code >= 0 else f"signal {-code}"
