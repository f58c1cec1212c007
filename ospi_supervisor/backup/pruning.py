"""Which snapshots are old enough to go."""

from collections.abc import Callable, Collection, Sequence

from ospi_supervisor.backup.inventory import Snapshot

SAFETY_PREFIX = "avant-restauration-"
"""How the names of those begin that restorations take beforehand."""


def superseded(
    complete: Sequence[Snapshot], keep: int, protect: Collection[str], is_good: Callable[[str], bool]
) -> list[str]:
    """The names of those of `complete` (oldest first) that can be dropped, in an order in which they can.

    Kept are the `keep` newest full ones, those in `protect`, what these complete, and the newest full one that proves
    to be good, with their increments.
    """
    kept = _kept([snapshot for snapshot in complete if snapshot.base is None], keep, protect, is_good)
    kept |= set(protect) | {link.base for link in complete if link.id in protect and link.base}
    full = [link.id for link in complete if link.base is None and link.id not in kept]
    return [*(link.id for link in complete if link.base in full), *full]


def _kept(full: Sequence[Snapshot], keep: int, proven: Collection[str], is_good: Callable[[str], bool]) -> set[str]:
    """The newest full snapshots, and the newest good one where none of these is; those `proven` are good.

    Those that restorations take beforehand are counted apart: they drive out no other.
    """
    newest_first = [snapshot.id for snapshot in reversed(full)]
    safety = [name for name in newest_first if name.startswith(SAFETY_PREFIX)]
    others = [name for name in newest_first if not name.startswith(SAFETY_PREFIX)]
    kept = {*safety[:keep], *others[:keep]}
    if len(newest_first) > len(kept) and not set(proven) & set(newest_first):
        kept |= set(next(([name] for name in newest_first if is_good(name)), []))
    return kept
