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
    """How a phase goes: nothing to say, silent for a while (which is normal until `normal_silence`), long but alive
    (normal too), or silent for too long (call the support)."""

    USUAL = "usual"
    QUIET = "quiet"
    LONG = "long"
    SILENT = "silent"


def normal_silence(usual: float | None) -> float:
    """For how many seconds a phase that usually takes `usual` may say nothing."""
    return SILENCE_WITHOUT_HISTORY_SECONDS if usual is None else max(SILENCE_ALWAYS_NORMAL_SECONDS, usual)


def pace_of(*, spent: float, silence: float, usual: float | None) -> Pace:
    """The verdict on a phase that has run for `spent` seconds, the last `silence` of them without a sign of life.

    `usual` is what it took in past updates, in seconds; None without any.
    """
    if silence > normal_silence(usual):
        return Pace.SILENT
    if silence > NOTICEABLE_SECONDS:
        return Pace.QUIET
    if usual is not None and spent > max(NOTICEABLE_SECONDS, LONG_FACTOR * usual):
        return Pace.LONG
    return Pace.USUAL
