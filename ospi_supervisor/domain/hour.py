"""The hour of a prepared update: when its backup is made anew, when users lose the platform, when it is too late.

Everything is an instant: what a clock that is set does to it, it does at once. Walls' hours are told apart in
`closures`, and where somebody types one.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum

from ospi_supervisor.domain.closures import Calendar, check_open, spoken

NEAR = timedelta(seconds=90)
"""The engine takes an update up so long before its hour, and waits in person: the worker looks each minute only."""

MARGIN = timedelta(minutes=10)
"""So long before the hour the refreshed backup should be there."""

LATE_BY_DEFAULT = timedelta(minutes=60)
"""How late a prepared update may still take the platform from its users, where the configuration says nothing."""


class Turn(StrEnum):
    """What is to be done with a prepared update now."""

    WAIT = "wait"
    SOON = "soon"
    REFRESH = "refresh"
    GO = "go"
    MISSED = "missed"


@dataclass(frozen=True, kw_only=True)
class Hour:
    """`switch_at` was chosen; at `wake_at` the backup is to be made anew, or, where they are equal, was."""

    switch_at: datetime
    wake_at: datetime


@dataclass(frozen=True, kw_only=True)
class HourRules:
    """What this server's configuration says about hours. `zone` is asked each time: it may be changed while we run."""

    calendar: Calendar = field(default_factory=Calendar)
    late: timedelta = LATE_BY_DEFAULT
    zone: Callable[[], tzinfo] = lambda: UTC

    def turn(self, hour: Hour, now: datetime) -> Turn:
        """What is to be done at `now`."""
        if now > hour.switch_at + self.late:
            return Turn.MISSED
        if now < hour.wake_at - NEAR:
            return Turn.WAIT
        if hour.wake_at < hour.switch_at:
            return Turn.REFRESH
        if now < hour.switch_at:
            return Turn.SOON
        return Turn.GO if self.calendar.closure(now, self.zone()) is None else Turn.MISSED

    def check(self, at: datetime) -> None:
        """RefusedError where the calendar lets nothing begin at `at`."""
        check_open(self.calendar, at, self.zone())

    def why_closed(self, now: datetime) -> str | None:
        """Why the calendar lets nothing begin at `now`, and until when, a clause; None where it does."""
        closure = self.calendar.closure(now, self.zone())
        if closure is None:
            return None
        return f"rien ne peut commencer avant le {spoken(closure.until, self.zone())} (« {closure.reason} »)"

    def why_missed(self, hour: Hour, now: datetime) -> str:
        """Why that hour was missed, a sentence of the journal."""
        zone = self.zone()
        closure = self.calendar.closure(now, zone)
        if closure is not None and now <= hour.switch_at + self.late:
            why = f"rien ne peut commencer maintenant (« {closure.reason} »)"
        else:
            why = f"elle est passée de plus de {self.late // timedelta(minutes=1)} minutes"
        return f"L'heure choisie, le {spoken(hour.switch_at, zone)}, est manquée : {why}. Choisissez-en une autre."


def hour_of(switch_at: datetime, backup_began: datetime | None, backup_took: timedelta) -> Hour:
    """The hour of an update whose backup began, and took, so: it is made anew unless it is recent enough."""
    refresh_at = switch_at - MARGIN - backup_took * 1.5
    fresh = backup_began is not None and backup_began >= refresh_at
    return Hour(switch_at=switch_at, wake_at=switch_at if fresh else refresh_at)
