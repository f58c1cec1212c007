"""A hand under way: started anew, asked by JSON lines, and believed within bounds of size and time."""

import ctypes
import json
import os
import selectors
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import IO, Any, BinaryIO, cast

from ospi_supervisor.errors import BackupError, exit_in_words
from ospi_supervisor.hands.ending import end
from ospi_supervisor.hands.inside.answers import REFUSED
from ospi_supervisor.hands.sandbox import View, enclosed

MOST_LINE_BYTES = 1 << 16
MOST_ANSWER_BYTES = 1 << 31
"""Some ten million names: beyond, something else than an answer is coming."""
SILENCE_SECONDS = 3600.0
"""How long a hand may say nothing: making a full cache durable on a slow disk takes minutes."""
TICK_SECONDS = 0.1
CHUNK = 1 << 20
LAST_WORDS = 300
_PR_SET_PDEATHSIG = 1
_prctl = ctypes.CDLL(None).prctl


def die_with(worker: int) -> None:
    """For `preexec_fn`: the process `worker` that is killed takes its children along, or they would act beside the next
    one. It may have been killed since it began to start this one."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != worker:
        os.kill(os.getpid(), signal.SIGKILL)


class HandRefusedError(BackupError):
    """What a hand refuses, in its own words: whoever asked says what of."""


class Hand:
    """One hand, for one thread: an answer is read to its end before the next question. It `listens` in between."""

    def __init__(self, process: subprocess.Popen[bytes], complaints: IO[bytes]) -> None:
        self._process = process
        self._complaints = complaints
        self._input = cast(BinaryIO, process.stdin)
        self._output = cast(BinaryIO, process.stdout).fileno()
        self.listens = True

    def ask(
        self,
        do: str,
        tick: Callable[[], None],
        patience: float = SILENCE_SECONDS,
        contents: BinaryIO | None = None,
        every: float = TICK_SECONDS,
        **arguments: Any,
    ) -> Iterator[Any]:
        """Each value of the answer, from JSON and believed no further; `contents` are the bytes that follow.

        `tick` is called all along, after `every` seconds of silence too, and may raise. OSError is what the system told
        the hand; BackupError what the hand refuses, or that it died, or said too much, or nothing for `patience`
        seconds.
        """
        self.listens = False
        self._say(do, tick, contents, arguments)
        for value in self._values(tick, patience, every):
            if not isinstance(value, dict):
                yield value
                continue
            self.listens = True
            if REFUSED in value:
                raise HandRefusedError(str(value[REFUSED]))
            if "errno" in value:
                raise OSError(value["errno"] or 0, _reason(value), value["file"] or None)
            return

    def _say(self, do: str, tick: Callable[[], None], contents: BinaryIO | None, arguments: Mapping[str, Any]) -> None:
        try:
            self._input.write(json.dumps({"do": do, **arguments}).encode() + b"\n")
            while contents and (piece := contents.read(CHUNK)):
                self._input.write(piece)
                tick()
            self._input.flush()
        except BrokenPipeError:
            raise self._died() from None

    def _values(self, tick: Callable[[], None], patience: float, every: float) -> Iterator[Any]:
        """What each line says, without those that only tell that the hand is alive."""
        rest, said = b"", 0
        while True:
            piece = self._next(tick, patience, every)
            said += len(piece)
            *lines, rest = (rest + piece).split(b"\n")
            if len(rest) > MOST_LINE_BYTES or said > MOST_ANSWER_BYTES:
                raise BackupError("un processus auxiliaire en dit trop : il est arrêté ; contactez le support")
            yield from _decoded([line for line in lines if line])

    def _next(self, tick: Callable[[], None], patience: float, every: float) -> bytes:
        deadline = time.monotonic() + patience
        with selectors.DefaultSelector() as selector:
            selector.register(self._output, selectors.EVENT_READ)
            while not selector.select(every):
                tick()
                if time.monotonic() > deadline:
                    raise BackupError("un processus auxiliaire ne répond plus : il est arrêté ; recommencez")
        tick()
        if piece := os.read(self._output, CHUNK):
            return piece
        raise self._died()

    def _died(self) -> BackupError:
        end(self._process)
        self._complaints.seek(0)
        said = self._complaints.read().decode("utf-8", "replace").strip()
        words = said[-LAST_WORDS:].replace("\n", " / ") or exit_in_words(self._process.returncode)
        return BackupError(f"un processus auxiliaire s'est arrêté ({words}) ; contactez le support")


def _decoded(lines: Sequence[bytes]) -> Any:
    """The value of each line, together: one by one takes three times as long."""
    try:
        return json.loads(b"[%b]" % b",".join(lines))
    except (ValueError, RecursionError) as error:
        raise BackupError(
            "un processus auxiliaire répond par autre chose que du JSON ; contactez le support"
        ) from error


def _reason(value: Mapping[str, Any]) -> str:
    return os.strerror(value["errno"]) if value["errno"] else str(value["reason"])


@contextmanager
def hand(command: Sequence[str], view: View) -> Iterator[Hand]:
    """Start `command` with that `view`, with no environment and no descriptor but its pipes; dead after the block.

    Raises OSError and BackupError as `enclosed` does.
    """
    with enclosed(command, view) as (line, descriptors), tempfile.TemporaryFile() as complaints:
        process = subprocess.Popen(
            line,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
            env={},
            pass_fds=descriptors,
            start_new_session=True,  # Ctrl-C is for the worker, which stops its children itself
            preexec_fn=partial(die_with, os.getpid()),
        )
        try:
            yield Hand(process, complaints)
        finally:
            end(process)
            for pipe in (process.stdin, process.stdout):
                with suppress(BrokenPipeError):
                    cast(BinaryIO, pipe).close()
