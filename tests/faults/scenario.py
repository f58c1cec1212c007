"""One fault, or several in a row, and what may come of it."""

from dataclasses import dataclass

from ospi_supervisor.domain.lifecycle import Phase, Recovery, UpdateStatus, rule_of

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


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One case of the campaign. `fault` and `phase` are its row and column in the table."""

    name: str
    fault: str
    phase: str
    hits: tuple[Hit, ...] = ()
    hooks: str = "good"
    moods: tuple[tuple[str, str, str], ...] = ()
    disks: tuple[tuple[str, str], ...] = ()
    own_postgres: bool = False
    health_timeout: float = 20.0
    allowed: frozenset[UpdateStatus] = WHOLE

    @property
    def cuttable(self) -> bool:
        """Whether its disk loses what was not synced."""
        return any(hit.action == "cut_losing" for hit in self.hits)

    @property
    def web(self) -> bool:
        """Whether the web process is hurt too, and so has to run."""
        return any(hit.action in ("kill_web", "kill_both", "cut", "cut_losing") for hit in self.hits)


def after_crash(phase: Phase) -> frozenset[UpdateStatus]:
    """How an update ends that was killed while it did `phase`: by the table of `domain.lifecycle`."""
    return ROLLED_BACK if rule_of(phase).recovery is Recovery.ROLL_BACK else SUCCEEDED
