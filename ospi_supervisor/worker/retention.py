"""Removes what updates that ended left behind, once it is of no more use: their log files, and archives fetched."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from ospi_supervisor.domain.retention import superfluous
from ospi_supervisor.store.engine_reader import EngineReader
from ospi_supervisor.store.engine_store import EngineStore
from ospi_supervisor.store.published import PublishedStore
from ospi_supervisor.store.topics import Topic

LONGEST_STEP = timedelta(minutes=5)
"""A machine that slept did not live meanwhile."""


class _Ages(msgspec.Struct):
    """In seconds."""

    lived: float = 0.0
    ended_at: dict[int, float] = {}


RETENTION = Topic("retention", _Ages)
"""How long the worker has lived, and had lived when each update was seen ended."""


@dataclass
class Retention:
    """`monotonic` is a clock that nobody sets."""

    engine: EngineStore
    published: PublishedStore
    reader: EngineReader
    logs_dir: Path
    clock: Callable[[], datetime]
    monotonic: Callable[[], float] = time.monotonic
    _last: float | None = field(default=None, init=False)

    def prune(self) -> None:
        """Each minute: count the time lived, and remove what is superfluous. OSError where that cannot be removed."""
        ages = self._ages()
        logs = dict(self._logs())
        ended = [number for number in logs if self._has_ended(number)]
        ages.ended_at = {number: ages.ended_at.get(number, ages.lived) for number in ended}
        seen = {number: timedelta(seconds=seconds) for number, seconds in ages.ended_at.items()}
        for number in superfluous(ended, timedelta(seconds=ages.lived), seen):
            logs[number].unlink(missing_ok=True)
            del ages.ended_at[number]
        self.published.publish(RETENTION, ages, self.clock())

    def _ages(self) -> _Ages:
        found = self.reader.published(RETENTION)
        ages = _Ages() if found is None else found[1]
        now = self.monotonic()
        if self._last is not None:
            ages.lived += min(now - self._last, LONGEST_STEP.total_seconds())
        self._last = now
        return ages

    def _logs(self) -> Iterator[tuple[int, Path]]:
        for path in self.logs_dir.glob("update-*.log"):
            number = path.stem.removeprefix("update-")
            if number.isdecimal():
                yield int(number), path

    def _has_ended(self, number: int) -> bool:
        update = self.engine.load(number)
        return update is None or update.status.is_final
