"""What users of the platform are told before an update takes it from them: when, for how long, and some words."""

from dataclasses import dataclass
from datetime import datetime, timedelta

UNKNOWN_LENGTH = timedelta(hours=1)
"""How long the interruption is said to be while this server has measured none."""

STEP = timedelta(minutes=5)
"""What a measured one is rounded up to, once lengthened by half: to be back early costs nothing."""


@dataclass(frozen=True, kw_only=True)
class Announcement:
    """The interruption begins at `begins` and is expected to be over at `ends`."""

    begins: datetime
    ends: datetime
    message: str


def announcement(
    at: datetime | None, minutes: int, message: str, usual_seconds: float | None, now: datetime
) -> Announcement | None:
    """What is to be shown at `now` of an interruption planned for `at`: nothing before the `minutes` that precede it.

    `usual_seconds` is how long such interruptions were here, None where there was none.
    """
    if at is None or minutes == 0 or now < at - timedelta(minutes=minutes):
        return None
    return Announcement(begins=at, ends=at + _length(usual_seconds), message=message)


def _length(usual_seconds: float | None) -> timedelta:
    if usual_seconds is None:
        return UNKNOWN_LENGTH
    return -(-timedelta(seconds=1.5 * usual_seconds) // STEP) * STEP or STEP
