"""One fault, or several in a row, and what may come of it."""

from collections.abc import Mapping
from dataclasses import dataclass

from ospi_supervisor.domain.lifecycle import Phase, Recovery, UpdateStatus, phases_from, rule_of
from ospi_supervisor.domain.validation import Verdict

SUCCEEDED = frozenset({UpdateStatus.SUCCEEDED})
ROLLED_BACK = frozenset({UpdateStatus.ROLLED_BACK})
FAILED = frozenset({UpdateStatus.FAILED})
REFUSED = frozenset({UpdateStatus.REFUSED})
INTERVENTION = frozenset({UpdateStatus.INTERVENTION})
WHOLE = SUCCEEDED | ROLLED_BACK | FAILED | REFUSED
"""Wholly old or wholly new, and open to its users."""


@dataclass(frozen=True)
class Hit:
    """What is done, and when: at a point of a phase (see `worker`), or so long after the update was asked for.

    `delay` counts in lengths of an update that nothing hurts.
    `place` says how far inside the phase, from 0 to 1. `action` is one of `play.ACTIONS`.
    """

    action: str
    point: str = "before"
    way: str = "do"
    phase: Phase | None = None
    place: float = 0.5
    delay: float = 0.0

    def pause(self, counts: Mapping[str, int]) -> str:
        """The same for `worker`; `counts` says how many audited calls each phase's do and undo make."""
        place = 1 + int(self.place * counts.get(f"{self.way}:{self.phase}", 0))
        return f"{self.point}:{self.way}:{self.phase}:{place}"


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One case of the campaign. `fault` and `phase` are its row and column in the table.

    `waiting`: the update is prepared for an hour of the same night; that action is done while it waits, then the clock
    goes on to just before the hour, and the hits follow.
    """

    name: str
    fault: str
    phase: str
    hits: tuple[Hit, ...] = ()
    hooks: str = "good"
    moods: tuple[tuple[str, str, str], ...] = ()
    disks: tuple[tuple[str, str], ...] = ()
    own_postgres: bool = False
    health_timeout: float = 20.0
    waiting: str | None = None
    allowed: frozenset[UpdateStatus] = WHOLE

    def pauses(self, counts: Mapping[str, int]) -> list[str]:
        """Where the worker stops for the hits that come at a point of a phase."""
        return [hit.pause(counts) for hit in self.hits if hit.phase is not None]

    @property
    def cuttable(self) -> bool:
        """Whether its disk loses what was not synced."""
        return any(hit.action == "cut_losing" for hit in self.hits)

    @property
    def tears_the_log(self) -> bool:
        """Whether the platform's own log may end in the middle of a line: power was cut, or its disk was full."""
        return any(hit.action in ("cut", "cut_losing", "fill_data") for hit in self.hits)

    @property
    def decides(self) -> Verdict | None:
        """What somebody decides of the new release once it waits; None where nobody asked to validate it."""
        if self.phase != Phase.VALIDATE:
            return None
        return Verdict.GO_BACK if any(hit.way == "undo" for hit in self.hits) else Verdict.OPEN

    @property
    def web(self) -> bool:
        """Whether the web process is hurt too, and so has to run."""
        actions = [hit.action for hit in self.hits] + [self.waiting]
        return any(action in ("kill_web", "kill_both", "cut", "cut_losing") for action in actions)

    def locks_after(self, failed: str | None) -> bool:
        """Whether a failure of that phase locks the version: what the release did, behind the page or by a hook of its
        own in `stage`. What the machine did before says nothing of it, nor that nobody opened it (contract, rule 8)."""
        if failed is None or failed == Phase.VALIDATE:
            return False
        behind_the_page = Phase(failed) in phases_from(Phase.MAINTENANCE)
        return behind_the_page or (failed == Phase.STAGE and self.hooks.startswith("stage-"))


def after_crash(phase: Phase) -> frozenset[UpdateStatus]:
    """How an update ends that was killed while it did `phase`: by the table of `domain.lifecycle`. In a validation it
    may have been decided before to open it, which the oracle looks at."""
    if phase is Phase.VALIDATE:
        return SUCCEEDED | ROLLED_BACK
    return ROLLED_BACK if rule_of(phase).recovery is Recovery.ROLL_BACK else SUCCEEDED
