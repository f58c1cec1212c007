"""What is kept of updates that ended: so many of them, and none beyond an age that does not trust the clock."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

LOGS_KEPT = 100
"""So many updates keep their log file, the newest by their number."""

NEWEST_KEPT = 10
"""So many keep it however old it is."""

AGE_MAX = timedelta(days=400)
"""Of the worker's own life, which no wrong clock makes longer or shorter."""


def superfluous(ended: Sequence[int], lived: timedelta, ended_at: Mapping[int, timedelta]) -> list[int]:
    """Which of the updates that `ended` need their log no more.

    `lived` is how long the worker has lived altogether, `ended_at` how long it had when each was first seen ended.
    """
    newest_first = sorted(ended, reverse=True)
    return [
        number
        for position, number in enumerate(newest_first)
        if position >= LOGS_KEPT or (position >= NEWEST_KEPT and lived - ended_at.get(number, lived) > AGE_MAX)
    ]
