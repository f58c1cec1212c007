"""`[calendar]`: when nothing may begin, and how late a prepared update may still switch."""

from collections.abc import Callable, Iterator
from datetime import date, time, timedelta, tzinfo
from enum import StrEnum
from typing import Annotated

import msgspec

from ospi_supervisor.config.forms import HOUR
from ospi_supervisor.domain.closures import Calendar, Dates, Weekly
from ospi_supervisor.domain.hour import HourRules

_Hour = Annotated[str, msgspec.Meta(pattern=HOUR)]


class Day(StrEnum):
    """The days of the week, in their order."""

    MONDAY = "lundi"
    TUESDAY = "mardi"
    WEDNESDAY = "mercredi"
    THURSDAY = "jeudi"
    FRIDAY = "vendredi"
    SATURDAY = "samedi"
    SUNDAY = "dimanche"


class WeeklyTable(msgspec.Struct, frozen=True, kw_only=True):
    """`[[calendar.weekly]]`: on these days, from `begin` until `end` (HH:MM, of the next day where it is not later)."""

    days: tuple[Day, ...]
    begin: _Hour
    end: _Hour
    reason: str


class DatesTable(msgspec.Struct, frozen=True, kw_only=True):
    """`[[calendar.dates]]`: from the day `first` to the day `last`, both included; one day where `last` is missing."""

    first: date
    last: date | None = None
    reason: str


class CalendarTable(msgspec.Struct, frozen=True, kw_only=True):
    """`[calendar]`. `late_minutes`: how long after its hour a prepared update may still take the platform."""

    late_minutes: Annotated[int, msgspec.Meta(ge=5, le=1440)] = 60
    weekly: tuple[WeeklyTable, ...] = ()
    dates: tuple[DatesTable, ...] = ()

    def problems(self) -> Iterator[str]:
        """What its types alone cannot say, one sentence each."""
        for number, window in enumerate(self.weekly):
            key = f"calendar.weekly[{number}]"
            if not window.days:
                yield f"« {key}.days » doit nommer au moins un jour, de {Day.MONDAY} à {Day.SUNDAY}"
            if window.begin == window.end:
                yield f"« {key} » : « begin » et « end » doivent différer ; un jour entier va de 00:00 à 23:59"
        for number, dates in enumerate(self.dates):
            if dates.last is not None and dates.last < dates.first:
                yield f"« calendar.dates[{number}] » : « last » ({dates.last}) précède « first » ({dates.first})"
        if not all(
            reason.strip() for reason in [one.reason for one in self.weekly] + [one.reason for one in self.dates]
        ):
            yield "« reason », dans calendar, doit dire pourquoi rien ne peut commencer"

    def rules(self, zone: Callable[[], tzinfo]) -> HourRules:
        """What it says about hours, on a server whose zone is given."""
        days = list(Day)
        weekly = (
            Weekly(
                days=frozenset(days.index(day) for day in window.days),
                begin=time.fromisoformat(window.begin),
                end=time.fromisoformat(window.end),
                reason=window.reason,
            )
            for window in self.weekly
        )
        dates = (Dates(first=one.first, last=one.last or one.first, reason=one.reason) for one in self.dates)
        calendar = Calendar(weekly=tuple(weekly), dates=tuple(dates))
        return HourRules(calendar=calendar, late=timedelta(minutes=self.late_minutes), zone=zone)
