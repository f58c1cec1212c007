"""Runs a release's hooks: under the platform's account, in a group of their own, and leaving nothing behind.

A hook prints its log on standard output; a line `@progress 42 message` moves the bar. See `docs/deploiement.md`.
"""

import errno
import fcntl
import hashlib
import os
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO

from ospi_supervisor.errors import HookError, PlatformError, exit_in_words
from ospi_supervisor.platform.hook_output import HookOutput, Kept, Sinks
from ospi_supervisor.platform.processes import end_group, kill_marked, spawn
from ospi_supervisor.system.exits import watched

BEAT_SECONDS = 0.2
GATHER_SECONDS = 0.005
READ_BYTES = 1 << 18
PIPE_BYTES = 1 << 20
"""What a hook may have left in the pipe; a process that it left behind could fill it for ever."""

THE_MACHINES = (errno.ENOMEM, errno.EAGAIN, errno.EMFILE, errno.ENFILE, errno.ENOSPC)
"""What keeps a program from starting, and is no fault of the release's."""

RELEASE_DIR = "OSPI_RELEASE_DIR"
"""The variable that names the release a hook belongs to."""


def run_hook(
    executable: Path,
    *,
    env: Mapping[str, str],
    cwd: Path,
    account: str | None,
    timeout: float,
    sinks: Sinks,
    kept: Kept,
    beat: Callable[[], None],
) -> None:
    """Run one hook to its end; HookError with its last line where it fails or takes more than `timeout` seconds.

    `env` is the contract's environment. `beat` is called several times a second, and what it raises ends the
    hook. However the hook ends, every process that it left is killed before this returns; PlatformError where one
    cannot be. What it prints goes to `sinks`, and as much of it as `kept` says to the log.
    """
    output = HookOutput(sinks, kept)
    mark = _mark_below(Path(env[RELEASE_DIR]).parent)
    try:
        process = spawn([executable], account=account, cwd=cwd, output=subprocess.PIPE, env=env, mark=mark)
    except OSError as error:
        kind = PlatformError if error.errno in THE_MACHINES else HookError
        raise kind(f"le programme {executable.name} ne peut pas être lancé : {error.strerror}") from error
    with _pipe_of(process) as pipe:  # closed, never read to its end: what a hook started may hold it open
        try:
            _follow(process, pipe.fileno(), output, executable.name, timeout, beat)
        finally:
            end_group(process)
            output.finish()
            kill_marked(mark)
    if process.returncode != 0:
        raise HookError(
            f"le programme {executable.name} a échoué ({exit_in_words(process.returncode)}){output.last_words()}"
        )


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
    pipe: int,
    output: HookOutput,
    name: str,
    timeout: float,
    beat: Callable[[], None],
) -> None:
    """Read the hook's output until it has ended, whoever else still holds that output open."""
    deadline = time.monotonic() + timeout
    next_beat = 0.0
    source: int | None = pipe
    with watched(process) as watch:
        while not watch.has_ended(BEAT_SECONDS, source):
            now = time.monotonic()
            if now >= next_beat:
                beat()
                output.tick()
                next_beat = now + BEAT_SECONDS
            if now > deadline:
                raise HookError(f"le programme {name} a dépassé sa limite de {timeout:g} secondes{output.last_words()}")
            data = _read(pipe)
            if data:
                output.feed(data)
                if len(data) < READ_BYTES // 4:
                    watch.has_ended(GATHER_SECONDS)  # one that prints line by line is read many lines at a time
            elif data is not None:
                source = None  # it closed its output and still works
    drained = 0
    while drained < PIPE_BYTES and (data := _read(pipe)):
        output.feed(data)
        drained += len(data)


def _pipe_of(process: subprocess.Popen[bytes]) -> IO[bytes]:
    """The pipe of its output: as large as may be, and read without waiting."""
    if process.stdout is None:
        raise ValueError("the hook's output is not a pipe")
    os.set_blocking(process.stdout.fileno(), False)
    with suppress(OSError):  # an ordinary account may have filled its share of pipes
        fcntl.fcntl(process.stdout.fileno(), fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    return process.stdout


def _read(pipe: int) -> bytes | None:
    """What there is to read now: None where nothing is, empty at the end."""
    try:
        return os.read(pipe, READ_BYTES)
    except BlockingIOError:
        return None
