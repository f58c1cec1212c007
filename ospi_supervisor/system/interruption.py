"""Ctrl-C, SIGTERM and a closed terminal, for commands of the shell: one thing, which can be made to wait."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from types import FrameType

from ospi_supervisor.errors import StoppedByHandError

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass
class Held:
    """Interruptions that wait. `answer` says in words what becomes of the first; it is told at once."""

    answer: Callable[[], str]
    came: bool = False

    def take(self) -> None:
        """One has come."""
        if not self.came:
            self.came = True
            with suppress(OSError):  # the terminal may be what went
                os.write(2, f"\n{self.answer()}\n".encode())  # not a stream, in the middle of whose write this may come


@dataclass
class _Now:
    held: list[Held] = field(default_factory=list)


_now = _Now()


def interruptions_are_one() -> Callable[[], None]:
    """Have each of them raise KeyboardInterrupt, unless whoever started us has it ignored (nohup); what ends that."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    heard = [number for number in SIGNALS if before[number] is not signal.SIG_IGN]
    for number in heard:
        signal.signal(number, _come)

    def end() -> None:
        for number in heard:
            signal.signal(number, before[number])

    return end


def _come(_number: int, _frame: FrameType | None) -> None:
    if not _now.held:
        raise KeyboardInterrupt
    _now.held[-1].take()


@contextmanager
def held(answer: Callable[[], str]) -> Iterator[Held]:
    """Interruptions wait while the block lasts: it looks whether one `came`, and may stop where that is safe."""
    one = Held(answer)
    _now.held.append(one)
    try:
        yield one
    finally:
        _now.held.remove(one)


@contextmanager
def told_if_interrupted(words: Callable[[], str]) -> Iterator[None]:
    """An interruption of the block is an error in these words: what goes on without it, and how to follow it."""
    try:
        yield
    except KeyboardInterrupt:
        raise StoppedByHandError(words()) from None
