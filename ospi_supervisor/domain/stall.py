"""Whether a phase that takes long is to worry about (design, section 6: the stall detector).

A sign of life is anything that the phase told: its beginning, progress, a line of the journal or of a hook.
"""

from enum import StrEnum

SILENCE_ALWAYS_NORMAL_SECONDS = 300.0
"""A silence no longer than this is normal in any phase, however short the phase usually is."""

SILENCE_WITHOUT_HISTORY_SECONDS = 900.0
"""The same for a phase whose usual duration is not known yet: a first migration may compute for long."""

NOTICEABLE_SECONDS = 60.0
LONG_FACTOR = 1.5


class Pace(StrEnum):
    """How a phase goes: nothing to say, long but alive (which is normal), or silent (call the support)."""

    USUAL = "usual"
    LONG = "long"
    SILENT = "silent"


def pace_of(*, spent: float, silence: float, usual: float | None) -> Pace:
    """The verdict on a phase that has run for `spent` seconds, the last `silence` of them without a sign of life.

    `usual` is what it took in past updates, in seconds; None without any.
    """
    normal = SILENCE_WITHOUT_HISTORY_SECONDS if usual is None else max(SILENCE_ALWAYS_NORMAL_SECONDS, usual)
    if silence > normal:
        return Pace.SILENT
    if usual is not None and spent > max(NOTICEABLE_SECONDS, LONG_FACTOR * usual):
        return Pace.LONG
    return Pace.USUAL
