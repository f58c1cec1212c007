"""Whether what the night tried once is worth another try: not until something has changed (engine rule 8).

What the machine did locks nothing, and a person may start again at once; but a night that knows of no change would only
fail once more.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ospi_supervisor.domain.lifecycle import UpdateStatus

GAINED_PERCENT = 2.0
"""A disk that has gained so much of its size is another disk for who found it full."""


@dataclass(frozen=True, kw_only=True)
class DiskRoom:
    """What a disk has free, and its size, in bytes."""

    free: int
    size: int


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """What an attempt depends on: what is found wrong, and all that tells this machine from another, in words that
    stay the same while it does; and the room on each disk, by folder."""

    facts: frozenset[str] = frozenset()
    disks: Mapping[str, DiskRoom] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One try of the archive with that sha256 on that release, and the conditions before it."""

    archive: str
    installed: str
    conditions: Conditions


def is_in_vain(last: Attempt, ended: UpdateStatus, now: Attempt, *, touched: bool) -> bool:
    """Whether trying `now` what ended so `last` time would change nothing. `touched`: what that end named was changed
    since."""
    if ended not in (UpdateStatus.REFUSED, UpdateStatus.FAILED) or touched:
        return False
    same = (last.archive, last.installed, last.conditions.facts) == (now.archive, now.installed, now.conditions.facts)
    return same and not _has_gained(last.conditions.disks, now.conditions.disks)


def _has_gained(before: Mapping[str, DiskRoom], now: Mapping[str, DiskRoom]) -> bool:
    if before.keys() != now.keys():
        return True
    return any(
        disk.size != before[folder].size
        or 100 * (disk.free - before[folder].free) >= GAINED_PERCENT * max(disk.size, 1)
        for folder, disk in now.items()
    )
