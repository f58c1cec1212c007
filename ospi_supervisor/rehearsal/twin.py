"""A twin that stands: its folder, its layers, its process namespace; all gone after the block, however it ends."""

import json
import os
import select
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypedDict

from ospi_supervisor.backup.children import LOW_PRIORITY
from ospi_supervisor.errors import BackupError, NotRehearsedError, SupervisorError
from ospi_supervisor.hands.conversation import Hand, die_with
from ospi_supervisor.hands.ending import end
from ospi_supervisor.hands.sandbox import program_with_libraries
from ospi_supervisor.rehearsal.databases import Program
from ospi_supervisor.rehearsal.limits import Group, Watch
from ospi_supervisor.rehearsal.reasons import last_words
from ospi_supervisor.rehearsal.units import Unit

ENTER, AGENT = "rehearsal.inside.enter", "rehearsal.inside.agent"
END_SECONDS = 10.0
LAST_WORDS = 300


class Listener(Protocol):
    """Whom a rehearsal tells what it does."""

    def progress(self, percent: float, message: str = "") -> None:
        """How far it is, 0 to 100."""

    def log(self, text: str) -> None:
        """Whole lines that a hook printed."""

    def output(self, lines: Sequence[str], count: int) -> None:
        """The newest of `count` lines that a hook printed."""

    def check(self) -> None:
        """Called several times a second; may raise to end the twin."""


class PlayFailedError(SupervisorError):
    """What was played in a twin failed: its words, and `said`, what it printed last."""

    def __init__(self, words: str, said: str) -> None:
        super().__init__(words)
        self.said = f"{last_words(said)}\n{words}"


class Twin:
    """Asks the twin's first program. Errors are NotRehearsedError, and PlayFailedError where what is played fails."""

    def __init__(self, hand: Hand, watch: Watch, listener: Listener) -> None:
        self._hand = hand
        self._watch = watch
        self._listener = listener
        self._said = ""

    def tick(self) -> None:
        """Called all along: what the twin takes is looked at, and whoever listens may stop it."""
        self._watch.look()
        self._listener.check()

    def play(self, do: str, progress: Callable[[float, str], None] = lambda *_: None, **arguments: Any) -> list[Any]:
        """Have it do that, to its end; the answer's values."""
        self._said = ""
        answer: list[Any] = []
        try:
            for value in self._hand.ask(do, self.tick, **arguments):
                answer = self._take(value, progress) or answer
        except (BackupError, OSError) as error:
            if self._watch.was_short():
                raise NotRehearsedError("le double a manqué de mémoire (rehearsal.memory)") from error
            raise NotRehearsedError(f"le double s'est arrêté : {error}") from error
        match answer:
            case ["failed", str(words)]:
                raise PlayFailedError(words, self._said)
            case ["twin", str(words)]:
                raise NotRehearsedError(words)
        return answer

    def _take(self, value: Any, progress: Callable[[float, str], None]) -> list[Any] | None:
        match value:
            case ["log", str(text)]:
                self._listener.log(text)
                self._said = f"{self._said}{text}"[-4 * LAST_WORDS :]
            case ["progress", int() | float() as percent, str(text)]:
                progress(float(percent), text)
            case ["lines", [*lines], int(count)]:
                self._listener.output([str(line) for line in lines], count)
            case [*answer]:
                return answer
        return None

    def run(self, program: Program, seconds: float) -> tuple[int, str]:
        """Run a program to its end: its exit status and output."""
        _, status, said = self.play("run", seconds=seconds, given=program.given, **_of(program))
        return int(status), str(said)

    def serve(self, unit: Unit, seconds: float) -> None:
        """Start what systemd would; it is watched from then on, and a health check fails with it. PlayFailedError where
        it does not start within `seconds`."""
        for program in (*unit.first, unit.last):
            self.play(
                "launch",
                name=unit.name,
                ends=unit.ends or program is not unit.last,
                may_fail=program.may_fail,
                settings=list(unit.settings),
                seconds=seconds,
                **_of(program),
            )

    def start(self, program: Program) -> None:
        """Start a program in the background."""
        self.play("start", **_of(program))


class Plan(TypedDict):
    """What `inside.enter` is told, as JSON: the real folders to let go, those to lay under a layer, the command."""

    is_root: bool
    sources: list[str]
    layers: list[Mapping[str, object]]
    command: list[str]


def _of(program: Program) -> Mapping[str, Any]:
    account = [program.account.user, *program.account.groups]
    return {"command": list(program.command), "account": account, "env": dict(program.env), "cwd": program.cwd}


@contextmanager
def standing(folder: Path, plan: Plan, watch: Watch, group: Group | None, listener: Listener) -> Iterator[Twin]:
    """The twin of `plan`, whose folder is ready, while the block runs.

    NotRehearsedError where this machine makes none, with its reason.
    """
    with ExitStack() as stack:
        complaints = stack.enter_context(tempfile.TemporaryFile())
        read, write = os.pipe()
        stack.callback(os.close, read)
        plan = {**plan, "command": [*plan["command"][:1], "--info-fd", str(write), *plan["command"][1:]]}
        file = folder / "plan.json"
        file.write_text(json.dumps({**plan, "parent": os.getpid()}), encoding="utf-8")
        try:
            process = subprocess.Popen(
                [*LOW_PRIORITY, *program_with_libraries(ENTER, str(file))],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=complaints,
                env={},
                pass_fds=(write,),
                start_new_session=True,
                preexec_fn=partial(_join, group, os.getpid()),
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise NotRehearsedError(f"le double ne peut pas être lancé : {error}") from error
        finally:
            os.close(write)
        stack.callback(_end, process, read)
        watch.pid = process.pid
        yield Twin(Hand(process, complaints), watch, listener)


def _join(group: Group | None, worker: int) -> None:
    if group is not None:
        group.join()
    die_with(worker)


def _end(process: subprocess.Popen[bytes], info: int) -> None:
    """Kill the twin, and wait until nothing of it runs: its first process is the last to go."""
    first = _first_process(info) if process.poll() is None or _is_told(info) else None
    end(process)
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            _close(pipe)
    if first is not None:
        poll = select.poll()
        poll.register(first, select.POLLIN)
        poll.poll(1000 * END_SECONDS)
        os.close(first)


def _close(pipe: Any) -> None:
    try:
        pipe.close()
    except BrokenPipeError:
        return  # what was asked of a twin that is gone


def _is_told(info: int) -> bool:
    return bool(select.select([info], [], [], 0)[0])


def _first_process(info: int) -> int | None:
    """A pidfd of the first process in the twin's namespace; None where it never came to be, or has ended."""
    if not _is_told(info):
        return None
    try:
        return os.pidfd_open(int(json.loads(os.read(info, 4096))["child-pid"]))
    except (OSError, ValueError, KeyError):
        return None
