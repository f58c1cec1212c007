"""The programs that a backup runs (tar, zstd, PostgreSQL's tools): watched, and never left behind."""

import ctypes
import os
import re
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, BinaryIO

from ospi_supervisor.backup.words import reason
from ospi_supervisor.errors import BackupError

LOW_PRIORITY = ("ionice", "-c", "3", "nice", "-n", "19")
"""In front of a command: it has the disk and the processor when nobody else wants them, its threads included."""

TICK_SECONDS = 0.1
ERROR = re.compile(r"\berror:", re.IGNORECASE)
SPOKEN = 3
"""How many lines of a program a message repeats: those of PostgreSQL end with the whole statement that failed."""
PR_SET_PDEATHSIG = 1
_prctl = ctypes.CDLL(None).prctl


def _die_with_the_worker() -> None:
    """A worker that is killed takes its children along: none may go on writing while the next worker restores."""
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


@dataclass(frozen=True)
class Child:
    """A program under way. Its standard error is kept in a file of no name."""

    process: subprocess.Popen[bytes]
    complaints: IO[bytes]

    @property
    def pid(self) -> int:
        """Its process number."""
        return self.process.pid

    @property
    def output(self) -> BinaryIO:
        """Its standard output, where it was started with a pipe."""
        assert self.process.stdout is not None, "started without a pipe"  # noqa: S101 - for the type checker
        return self.process.stdout  # type: ignore[return-value]

    @property
    def input(self) -> BinaryIO:
        """Its standard input, where it was started with a pipe."""
        assert self.process.stdin is not None, "started without a pipe"  # noqa: S101 - for the type checker
        return self.process.stdin  # type: ignore[return-value]

    def wait(self, tick: Callable[[], None]) -> int:
        """Its exit status, `tick` being called while it works."""
        while True:
            try:
                return self.process.wait(TICK_SECONDS)
            except subprocess.TimeoutExpired:
                tick()

    def said(self) -> list[str]:
        """The lines of its standard error."""
        self.complaints.seek(0)
        return self.complaints.read().decode("utf-8", "backslashreplace").splitlines()

    def last_words(self) -> str:
        """What it said of its failure, for a message: what begins with its first error, else what it said last."""
        said = [line for line in self.said() if line]
        first = next((number for number, line in enumerate(said) if ERROR.search(line)), len(said) - SPOKEN)
        return " / ".join(said[max(first, 0) :][:SPOKEN]) or f"code {self.process.returncode}"


@contextmanager
def child(
    command: Sequence[str],
    *,
    low_priority: bool = False,
    stdin: int | IO[bytes] = subprocess.DEVNULL,
    stdout: int | IO[bytes] = subprocess.DEVNULL,
    env: Mapping[str, str] | None = None,
) -> Iterator[Child]:
    """Start `command`, speaking English so that its words can be told apart; whatever happens in the block, it is dead
    afterwards. BackupError where it cannot be started."""
    with tempfile.TemporaryFile() as complaints:
        try:
            process = subprocess.Popen(
                [*(LOW_PRIORITY if low_priority else ()), *command],
                stdin=stdin,
                stdout=stdout,
                stderr=complaints,
                env={**os.environ, "LC_ALL": "C", **(env or {})},
                start_new_session=True,  # Ctrl-C is for the worker, which stops its children itself
                preexec_fn=_die_with_the_worker,
            )
        except OSError as error:
            raise BackupError(f"« {command[0]} » n'a pas pu être lancé : {error.strerror} ; installez-le") from error
        try:
            yield Child(process, complaints)
        finally:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe:
                    _close(pipe)


def _close(pipe: IO[bytes]) -> None:
    try:
        pipe.close()
    except BrokenPipeError:
        # What was still buffered for a program that is gone: its exit status says what happened.
        return


def run(
    command: Sequence[str],
    tick: Callable[[], None],
    *,
    low_priority: bool = False,
    given: str = "",
    env: Mapping[str, str] | None = None,
) -> str:
    """Run `command` to its end with `given` as its standard input, and return the little that it prints.

    Bytes that are not UTF-8 are kept as surrogates. BackupError with its last words where it fails.
    """
    with tempfile.TemporaryFile() as asked, tempfile.TemporaryFile() as answer:
        asked.write(given.encode(errors="surrogateescape"))
        asked.seek(0)
        with child(command, low_priority=low_priority, stdin=asked, stdout=answer, env=env) as program:
            if program.wait(tick):
                raise BackupError(f"« {command[0]} » a échoué : {reason(program.last_words())}")
        answer.seek(0)
        return answer.read().decode(errors="surrogateescape")
