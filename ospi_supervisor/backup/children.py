"""The programs that a backup runs (tar, zstd, PostgreSQL's tools): watched, and never left behind."""

import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any, BinaryIO

from ospi_supervisor.backup.reasons import reason
from ospi_supervisor.errors import BackupError, exit_in_words
from ospi_supervisor.hands.accounts import Account
from ospi_supervisor.hands.conversation import die_with
from ospi_supervisor.hands.ending import end
from ospi_supervisor.system.exits import watched

LOW_PRIORITY = ("ionice", "-c", "3", "nice", "-n", "19")
"""In front of a command: it has the disk and the processor when nobody else wants them, its threads included."""

TICK_SECONDS = 0.1
ERROR = re.compile(r"\berror:", re.IGNORECASE)
TABLE = re.compile(r"\bprocessing data for table ")
"""What pg_restore says before it loads a table, where it is asked to say so; its error may not name it."""
MOST_BYTES = 64 << 20
"""What a program may say: beyond, something else than an answer is coming."""
SPOKEN = 3
"""How many lines of a program a message repeats: those of PostgreSQL end with the whole statement that failed."""


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
        with watched(self.process) as watch:
            while not watch.has_ended(TICK_SECONDS):
                tick()
        return self.process.returncode

    def said(self) -> list[str]:
        """The lines of its standard error, as far as anybody would read them."""
        self.complaints.seek(0)
        return self.complaints.read(MOST_BYTES).decode("utf-8", "backslashreplace").splitlines()

    def last_words(self) -> str:
        """What it said of its failure, for a message: what begins with its first error, else what it said last."""
        said = [line for line in self.said() if line]
        first = max(next((number for number, line in enumerate(said) if ERROR.search(line)), len(said) - SPOKEN), 0)
        table = [line for line in said[:first] if TABLE.search(line)][-1:]
        return " / ".join([*table, *said[first:][:SPOKEN]]) or exit_in_words(self.process.returncode)


@contextmanager
def child(
    command: Sequence[str],
    *,
    low_priority: bool = False,
    stdin: int | IO[bytes] = subprocess.DEVNULL,
    stdout: int | IO[bytes] = subprocess.DEVNULL,
    env: Mapping[str, str] | None = None,
    descriptors: Sequence[int] | None = None,
    account: Account | None = None,
) -> Iterator[Child]:
    """Start `command`, speaking English so that its words can be told apart; whatever happens in the block, it is dead
    afterwards. BackupError where it cannot be started.

    A hand is given `descriptors`, and no environment. What runs as another `account` is given nothing of ours but where
    programs lie.
    """
    given = {} if descriptors is not None and account is None else _environment(account, env or {})
    with tempfile.TemporaryFile() as complaints:
        try:
            process = subprocess.Popen(
                [*(LOW_PRIORITY if low_priority else ()), *command],
                stdin=stdin,
                stdout=stdout,
                stderr=complaints,
                env=given,
                pass_fds=descriptors or (),
                start_new_session=True,  # Ctrl-C is for the worker, which stops its children itself
                preexec_fn=partial(die_with, os.getpid()),
                **({} if account is None else _identity(account)),
            )
        except OSError as error:
            raise BackupError(f"{_named(command)} n'a pas pu être lancé : {error.strerror} ; installez-le") from error
        try:
            yield Child(process, complaints)
        finally:
            end(process)
            for pipe in (process.stdin, process.stdout):
                if pipe:
                    _close(pipe)


def _named(command: Sequence[str]) -> str:
    return f"« {Path(command[0]).name} »"


def _environment(account: Account | None, more: Mapping[str, str]) -> dict[str, str]:
    ours = os.environ if account is None else {"PATH": os.environ.get("PATH", os.defpath)}
    return {**ours, "LC_ALL": "C", **more}


def _identity(account: Account) -> dict[str, Any]:
    own, *_ = account.groups
    return {"user": account.user, "group": own, "extra_groups": list(account.groups), "cwd": "/"}


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
    descriptors: Sequence[int] = (),
    account: Account | None = None,
) -> str:
    """Run `command` to its end with `given` as its standard input, and return the little that it prints.

    Bytes that are not UTF-8 are kept as surrogates. BackupError with its last words where it fails, or says too much.
    It runs as `account`, which is handed the `descriptors`, where one is named.
    """
    with tempfile.TemporaryFile() as asked, tempfile.TemporaryFile() as answer:
        asked.write(given.encode(errors="surrogateescape"))
        asked.seek(0)
        if account is not None:
            for file in (asked, answer):  # some programs open /dev/stdin and /dev/stdout
                os.fchown(file.fileno(), account.user, account.groups[0])
        with child(
            command,
            low_priority=low_priority,
            stdin=asked,
            stdout=answer,
            env=env,
            descriptors=descriptors if account is not None else None,
            account=account,
        ) as program:
            if program.wait(tick):
                raise BackupError(f"{_named(command)} a échoué : {reason(program.last_words())}")
        answer.seek(0)
        said = answer.read(MOST_BYTES + 1)
        if len(said) > MOST_BYTES:
            raise BackupError(f"{_named(command)} en dit trop ; contactez le support")
        return said.decode(errors="surrogateescape")
