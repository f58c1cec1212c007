"""A command of the hospital's that is given a long stream, and may hang, talk without end or go away at any moment."""

import fcntl
import os
import select
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from ospi_supervisor.backup.children import LOW_PRIORITY
from ospi_supervisor.errors import BackupError, exit_in_words, system_words
from ospi_supervisor.hands.conversation import die_with
from ospi_supervisor.platform.processes import end_group, spawn

LOOK_SECONDS = 0.2
PIECE_BYTES = 1 << 16
PADDING_BYTES = 10_240
"""What follows a tar's end mark is less than that, and not everybody reads it."""
KEPT_BYTES = 4000
"""Of what it says, the end: that is where a failure is told."""
UNREAD = "la commande a fini sans lire toute la sauvegarde"


class Receiver:
    """The command under way; `write` as a file's. `check` is called several times a second and may raise."""

    def __init__(
        self, process: subprocess.Popen[bytes], pipe: "_Pipe", seconds: float, check: Callable[[], None]
    ) -> None:
        if process.stdout is None:
            raise ValueError("the command was started without a pipe for what it says")
        self._process = process
        self._pipe = pipe
        self._output = process.stdout.fileno()
        os.set_blocking(self._output, False)
        self._seconds = seconds
        self._deadline = time.monotonic() + seconds
        self._check = check
        self._looked = 0.0
        self._mute = False
        self._said = b""

    @property
    def said(self) -> str:
        """The end of what it said."""
        return self._said.decode("utf-8", "replace")

    def write(self, data: bytes) -> int:
        """Give it `data`, waiting for it to read. BackupError where it has ended, or takes too long."""
        left = memoryview(data)
        while left:
            self._wait(self._pipe.sink)
            if self._process.poll() is not None:
                raise BackupError(self._failure() or UNREAD)
            with suppress(BlockingIOError):
                left = left[os.write(self._pipe.sink, left[:PIECE_BYTES]) :]
        return len(data)

    def finish(self) -> None:
        """There is no more: wait for its end. BackupError where it fails, or takes too long."""
        self._pipe.end()
        failure = self._failure()
        if failure or self._pipe.unread() >= PADDING_BYTES:
            raise BackupError(failure or UNREAD)

    def _failure(self) -> str | None:
        while self._process.poll() is None:
            self._wait()
        self._listen()
        code = self._process.returncode
        return f"la commande a échoué ({exit_in_words(code)})" if code else None

    def _wait(self, *sinks: int) -> None:
        """Until it reads or says something, or a moment has passed."""
        readable, _, _ = select.select([] if self._mute else [self._output], sinks, [], LOOK_SECONDS)
        if readable:
            self._listen()
        now = time.monotonic()
        if now > self._deadline:
            raise BackupError(f"la commande n'a pas fini en {self._seconds:g} secondes")
        if now - self._looked > LOOK_SECONDS:
            self._looked = now
            self._check()

    def _listen(self) -> None:
        with suppress(BlockingIOError):
            data = os.read(self._output, PIECE_BYTES)
            self._mute = not data
            self._said = (self._said + data)[-KEPT_BYTES:]


@contextmanager
def receiver(
    command: Sequence[str], account: str, env: Mapping[str, str], seconds: float, check: Callable[[], None]
) -> Iterator[Receiver]:
    """Start `command` as `account`, at low priority; whatever happens in the block, it has ended afterwards, and before
    its input does: it never takes a part for the whole. BackupError where it cannot be started."""
    with _Pipe() as pipe:
        try:
            process = spawn(
                [*LOW_PRIORITY, *command],
                account=account,
                cwd=Path("/"),
                output=subprocess.PIPE,
                env=env,
                given=pipe.source,
                preparation=partial(die_with, os.getpid()),
            )
        except OSError as error:
            raise BackupError(f"la commande n'a pas pu être lancée : {system_words(error)}") from error
        try:
            yield Receiver(process, pipe, seconds, check)
        finally:
            end_group(process)
            if process.stdout:
                process.stdout.close()


class _Pipe:
    """What it reads. We keep the end that it reads from, too: that tells what it left."""

    def __init__(self) -> None:
        self.source, self.sink = os.pipe()
        os.set_blocking(self.sink, False)
        self._ended = False

    def __enter__(self) -> "_Pipe":
        return self

    def __exit__(self, *_: object) -> None:
        self.end()
        os.close(self.source)

    def end(self) -> None:
        """There is no more."""
        if not self._ended:
            self._ended = True
            os.close(self.sink)

    def unread(self) -> int:
        """How many bytes nobody has read."""
        left = fcntl.ioctl(self.source, termios.FIONREAD, bytes(4))
        return int.from_bytes(left, sys.byteorder)
