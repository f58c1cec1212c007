"""How long an update still takes, and how far it is. Pure: facts in, verdicts out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median

from ospi_supervisor.domain.lifecycle import Availability, Phase, PhaseStatus, phases_from, rule_of


@dataclass(frozen=True, kw_only=True)
class PhaseProgress:
    """Where one phase stands; `percent` is 0 to 100, `expected` its usual seconds, None without history."""

    phase: Phase
    status: PhaseStatus
    percent: float
    started_at: datetime | None
    ended_at: datetime | None
    expected: float | None

    def spent(self, now: datetime) -> float | None:
        """The seconds spent in the phase so far; None before it began."""
        if self.started_at is None:
            return None
        return max(0.0, ((self.ended_at or now) - self.started_at).total_seconds())

    @property
    def is_over(self) -> bool:
        """Whether nothing of it is left to do."""
        return self.status in (PhaseStatus.DONE, PhaseStatus.UNDONE, PhaseStatus.FAILED)


def usual(durations: Sequence[float]) -> float | None:
    """The usual duration, out of past ones; None without any."""
    return median(durations) if durations else None


def seconds_of_page(phase: Phase, usual_of: Callable[[Phase], float | None]) -> float | None:
    """What is usually left of the maintenance page from `phase` on; None while one of its phases has no history."""
    left = [usual_of(later) for later in phases_from(phase) if rule_of(later).availability is Availability.PAGE]
    known = [seconds for seconds in left if seconds is not None]
    return sum(known) if len(known) == len(left) else None


def seconds_left(phases: Sequence[PhaseProgress], now: datetime) -> float | None:
    """What the phases that are not over usually take still; None while one of them has no history."""
    left = 0.0
    for phase in phases:
        if phase.is_over:
            continue
        if phase.expected is None:
            return None
        left += max(0.0, phase.expected - (phase.spent(now) or 0.0))
    return left


def weights(phases: Sequence[PhaseProgress]) -> Mapping[Phase, float]:
    """Each phase's share of the whole, in percent: by usual durations, or equal ones while one is unknown."""
    known = [phase.expected for phase in phases]
    values = [1.0 if None in known else max(value or 0.0, 0.1) for value in known]
    total = sum(values) or 1.0
    return {phase.phase: 100 * value / total for phase, value in zip(phases, values, strict=True)}


def overall_percent(phases: Sequence[PhaseProgress]) -> float:
    """How far the whole update is, 0 to 100."""
    share = weights(phases)
    return sum(share[phase.phase] * (100.0 if phase.is_over else phase.percent) / 100 for phase in phases)
