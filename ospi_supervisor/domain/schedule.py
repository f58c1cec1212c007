"""When the automatic update runs: once a night, at midnight local time, each server a little later than the other."""

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from ospi_supervisor.domain.closures import Calendar
from ospi_supervisor.errors import RefusedError

START_WINDOW = timedelta(hours=1)
"""How late a run may still start. A server that was off for longer waits for the next night: never at noon."""

INSTALL_WINDOW = timedelta(hours=4)
"""How long after its hour a planned update may still begin, or enter its next phase while users have the platform:
neither a slow fetch or backup nor a server that was off must stop the platform at breakfast. What was fetched is there
the next night."""

LATEST_START = timedelta(days=30)
"""No update is planned further ahead."""

ASKED_LATE = timedelta(minutes=5)
"""How long after its hour a planned update may still be asked for: its archive may arrive that much later, no more."""

_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class NightlyPlan:
    """At `hour` (0 to 23) of the local time of `zone`, plus `delay` (below 24 hours with `hour` at midnight).

    Where `calendar` forbids that, as soon as it allows something again while an update may still be installed.
    """

    zone: tzinfo
    hour: int = 0
    delay: timedelta = timedelta(0)
    calendar: Calendar = field(default_factory=Calendar)

    def start_of(self, night: date) -> datetime:
        """The instant (UTC) of the run of `night`, the date that begins at this midnight.

        An hour that daylight saving skips is taken at the jump, one that it repeats at its first time:
        each night has exactly one run.
        """
        wall_clock = datetime.combine(night, time(self.hour), tzinfo=self.zone)
        return wall_clock.astimezone(UTC) + self.delay

    def due_from(self, night: date) -> datetime:
        """The instant (UTC) from which that run is due; its hour, where all of the night is closed."""
        start = self.start_of(night)
        opens = self.calendar.next_open(start, self.zone)
        return start if is_late(start, opens) else opens


def stable_delay(server_id: str, jitter: timedelta) -> timedelta:
    """The delay of one server, from 0 to `jitter`: the same every night, spread evenly over the servers."""
    digest = hashlib.sha256(server_id.encode()).digest()
    fraction = int.from_bytes(digest[:8]) / 2**64
    return timedelta(seconds=int(jitter.total_seconds() * fraction))


def is_late(planned: datetime | None, now: datetime) -> bool:
    """Whether an update planned for then must not take the platform from its users any more; never where none is."""
    return planned is not None and now >= planned + INSTALL_WINDOW


def check_asked_in_time(planned: datetime | None, asked: datetime) -> None:
    """RefusedError where an update is asked for when the hour it is planned for is past: it would begin at once, at
    an hour that nobody chose. What a worker that was down finds late was `asked` for in time."""
    if planned is not None and asked - ASKED_LATE > planned:
        raise RefusedError("l'heure prévue est passée pendant l'envoi ; choisissez-en une autre")


def check_start(start_at: datetime, now: datetime) -> None:
    """RefusedError where an update cannot be asked for at that hour: it is over, or too far away."""
    if start_at < now:
        raise RefusedError("l'heure de début est déjà passée ; choisissez-en une à venir")
    if start_at > now + LATEST_START:
        raise RefusedError(
            f"une mise à jour se planifie au plus {LATEST_START.days} jours à l'avance ; choisissez un jour plus proche"
        )


def instant_of(text: str, zone: tzinfo) -> datetime:
    """The instant that `text` (ISO 8601) names; without an offset it is an hour of `zone`.

    As `NightlyPlan.start_of` has it: an hour that daylight saving repeats is taken at its first time, and one that it
    skips as much later as the clocks jump. ValueError or OverflowError where it names none.
    """
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)


def due_night(plan: NightlyPlan, now: datetime, last: date | None) -> date | None:
    """The night whose run should start now, None where none should. `last` is the latest night that was run."""
    for night in _nights_around(plan, now):
        start = plan.due_from(night)
        if start <= now < start + START_WINDOW and not _was_run(night, last):
            return night
    return None


def next_run(plan: NightlyPlan, now: datetime, last: date | None) -> datetime:
    """When the next run starts (UTC); in the past, by less than the start window, where it is due."""
    nights = (
        plan.due_from(night)
        for night in _nights_around(plan, now)
        if not _was_run(night, last) and plan.due_from(night) + START_WINDOW > now
    )
    return next(nights)


def _nights_around(plan: NightlyPlan, now: datetime) -> list[date]:
    """Yesterday's run may be due today, because of its delay; three nights ahead hold a run not yet done."""
    today = now.astimezone(plan.zone).date()
    return [today + days * _ONE_DAY for days in range(-1, 4)]


def _was_run(night: date, last: date | None) -> bool:
    """Whether `night` was run. A `last` far ahead is a clock that was wrong: it must not stop the runs for years."""
    return last is not None and night <= last <= night + _ONE_DAY
