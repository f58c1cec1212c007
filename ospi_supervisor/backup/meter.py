"""How far a long work is, told in small steps."""

import time
from collections.abc import Callable

TELL_SECONDS = 0.1
MEASURE_SECONDS = 0.5


def nothing() -> None:
    """For work that nobody waits for or stops."""


class Meter:
    """Hands on percents to `progress`, and calls `check` (which may raise) some ten times a second of work.

    Percents never go back. The work is a sequence of stages, each with its share of the bar and a weight in a unit of
    its own.
    """

    def __init__(self, progress: Callable[[float], None], check: Callable[[], None]) -> None:
        self._progress = progress
        self._check = check
        self._told = 0.0
        self._reached = 0.0
        self.stage(0, 0, 0)

    def stage(self, start: float, end: float, weight: int) -> None:
        """The work to come takes the bar from `start` to `end` percents while `weight` is done."""
        self._start, self._end, self._weight, self._done = start, end, max(weight, 1), 0

    def tick(self, current: int = 0) -> None:
        """The work lives; `current` is how much of the next step is done. Cheap, so to be called often."""
        now = time.monotonic()
        if now - self._told >= TELL_SECONDS:
            self._told = now
            self._check()
            share = min(1.0, (self._done + current) / self._weight)
            self._reached = max(self._reached, self._start + share * (self._end - self._start))
            self._progress(self._reached)

    def watching(self, measure: Callable[[], int]) -> Callable[[], None]:
        """A tick for a long step that tells nothing by itself: `measure` is asked how much of it is done, twice a
        second at most."""
        measured, asked_at = 0, 0.0

        def tick() -> None:
            nonlocal measured, asked_at
            if time.monotonic() - asked_at >= MEASURE_SECONDS:
                measured, asked_at = measure(), time.monotonic()
            self.tick(measured)

        return tick

    def advance(self, step: int) -> None:
        """A step is done."""
        self._done += step
        self.tick()

    def finish(self) -> None:
        """All is done."""
        self._progress(100.0)
