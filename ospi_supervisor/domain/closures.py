"""The days and hours when nothing may begin, for a reason that is shown: weekly windows, and dates.

Walls' hours become instants as `schedule.NightlyPlan` has it: one that daylight saving repeats is taken at its first
time, one that it skips as much later as the clocks jump.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from ospi_supervisor.errors import RefusedError

_ONE_DAY = timedelta(days=1)
LOOK_AHEAD = timedelta(days=400)
"""How far ahead an hour is looked for at which something may begin."""


@dataclass(frozen=True, kw_only=True)
class Weekly:
    """On these days of the week (0: Monday), from `begin` until `end`: of the next day where that is not later."""

    days: frozenset[int]
    begin: time
    end: time
    reason: str


@dataclass(frozen=True, kw_only=True)
class Dates:
    """From the first hour of the day `first` to the last hour of the day `last`."""

    first: date
    last: date
    reason: str


@dataclass(frozen=True, kw_only=True)
class Closure:
    """Why nothing may begin at an instant, and the first one after it at which something may, as far as is known."""

    reason: str
    until: datetime


@dataclass(frozen=True, kw_only=True)
class Calendar:
    """All of them; none by default."""

    weekly: tuple[Weekly, ...] = ()
    dates: tuple[Dates, ...] = ()

    def closure(self, at: datetime, zone: tzinfo) -> Closure | None:
        """What keeps something from beginning at `at`; None where nothing does. Its end is that of all that follow
        upon one another."""
        found = self._at(at, zone)
        if found is None:
            return None
        reason, end = found
        while end < at + LOOK_AHEAD and (following := self._at(end, zone)) is not None:
            end = following[1]
        return Closure(reason=reason, until=end)

    def next_open(self, at: datetime, zone: tzinfo) -> datetime:
        """`at`, or the first instant after it at which something may begin."""
        closure = self.closure(at, zone)
        return at if closure is None else closure.until

    def _at(self, at: datetime, zone: tzinfo) -> tuple[str, datetime] | None:
        """The reason, and the end, of what closes `at`: of several, what ends last."""
        around = [
            (reason, end) for reason, begin, end in self._spans(at.astimezone(zone).date(), zone) if begin <= at < end
        ]
        return max(around, key=lambda span: span[1], default=None)

    def _spans(self, today: date, zone: tzinfo) -> Iterator[tuple[str, datetime, datetime]]:
        for dates in self.dates:
            yield dates.reason, _instant(dates.first, time(0), zone), _instant(dates.last + _ONE_DAY, time(0), zone)
        for window in self.weekly:
            for day in (today - _ONE_DAY, today):
                if day.weekday() in window.days:
                    last = day if window.end > window.begin else day + _ONE_DAY
                    yield window.reason, _instant(day, window.begin, zone), _instant(last, window.end, zone)


def check_open(calendar: Calendar, at: datetime, zone: tzinfo) -> None:
    """RefusedError with the reason, and the next hour that is allowed, where nothing may begin at `at`."""
    closure = calendar.closure(at, zone)
    if closure is not None:
        raise RefusedError(
            f"rien ne peut commencer le {spoken(at, zone)} : « {closure.reason} » ; première heure permise ensuite :"
            f" le {spoken(closure.until, zone)}",
            code="closed",
        )


def spoken(at: datetime, zone: tzinfo) -> str:
    """An instant in the server's zone, as administrators read it."""
    return f"{at.astimezone(zone):%d/%m/%Y à %H h %M}"


def _instant(day: date, hour: time, zone: tzinfo) -> datetime:
    return datetime.combine(day, hour, tzinfo=zone).astimezone(UTC)
