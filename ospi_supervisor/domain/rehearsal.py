"""What a rehearsal of an update can say, and what of it is known afterwards (docs/repetition.md)."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from ospi_supervisor.domain.lifecycle import Phase
from ospi_supervisor.domain.progress import usual
from ospi_supervisor.domain.words import size


class Mode(StrEnum):
    """What the configuration asks of rehearsals. What a twin cannot play refuses an update only where it is
    `required`."""

    WHEN_POSSIBLE = "when_possible"
    REQUIRED = "required"
    NEVER = "never"


class Outcome(StrEnum):
    """How a rehearsal ended, or one of its steps."""

    REHEARSED = "rehearsed"
    NOT_REHEARSED = "not_rehearsed"
    REFUSED = "refused"


OUTCOME_LABELS = {
    Outcome.REHEARSED: "répété",
    Outcome.NOT_REHEARSED: "non répété",
    Outcome.REFUSED: "échoué",
}


@dataclass(frozen=True, kw_only=True)
class Step:
    """One thing that was played: how it ended, how long it took, what it weighed where that means something, and why
    it was not played, or how it failed, in words."""

    title: str
    outcome: Outcome
    seconds: float = 0.0
    bytes: int = 0
    reason: str = ""
    phase: str = ""
    """The phase of an update that it stands for; empty where it is the twin's own."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a rehearsal said. `limits` tells in sentences what the twin was not: what was not held to, or missing.

    A refusal has a `nonce`, which the support's code is bound to that lets it pass once; then, who gave that code, and
    the number of the update that took it.
    """

    outcome: Outcome
    reason: str = ""
    steps: tuple[Step, ...] = ()
    limits: tuple[str, ...] = ()
    nonce: str = ""
    pardoned_by: str = ""
    taken_by: int = 0

    @property
    def words(self) -> str:
        """What was played, how long it took and what it weighed, in a sentence; empty where nothing was."""
        return " ; ".join(
            f"{step.title} : {OUTCOME_LABELS[step.outcome]}, {step.seconds:.1f} s".replace(".", ",")
            + (f", {size(step.bytes)}" if step.bytes else "")
            for step in self.steps
        )

    @property
    def facts(self) -> Mapping[str, Any]:
        """As JSON."""
        return asdict(self)


def verdict_of(facts: Mapping[str, Any]) -> Verdict | None:
    """The verdict that `facts` record; None where there is none."""
    if "outcome" not in facts:
        return None
    steps = tuple(Step(**{**step, "outcome": Outcome(step["outcome"])}) for step in facts.get("steps", ()))
    return Verdict(
        outcome=Outcome(facts["outcome"]),
        reason=facts.get("reason", ""),
        steps=steps,
        limits=tuple(facts.get("limits", ())),
        nonce=facts.get("nonce", ""),
        pardoned_by=facts.get("pardoned_by", ""),
        taken_by=facts.get("taken_by", 0),
    )


BRIEF: Mapping[Phase, float] = {
    Phase.MAINTENANCE: 0.3,
    Phase.STOP: 1.0,
    Phase.CHECKPOINT: 1.0,
    Phase.SWITCH: 0.1,
    Phase.VALIDATE: 0.0,
}
"""What the phases behind the page take about, in seconds, that no rehearsal plays, on a server that never did them."""


def expected_seconds(past: Mapping[Phase, Sequence[float]], verdict: Verdict | None) -> Mapping[Phase, float | None]:
    """What each phase may take, from what it took in `past` updates, and from the `verdict` of this one's rehearsal,
    which knows better; None where nobody knows."""
    played = [step for step in verdict.steps if step.phase] if verdict and verdict.outcome is Outcome.REHEARSED else []
    rehearsed = {Phase(name): 0.0 for name in (step.phase for step in played)}
    for step in played:
        rehearsed[Phase(step.phase)] += step.seconds
    guess = dict(BRIEF) | ({} if Phase.MIGRATE in rehearsed else {Phase.MIGRATE: 0.0}) if rehearsed else {}
    return {phase: rehearsed.get(phase, _known(usual(past[phase]), guess.get(phase))) for phase in Phase}


def _known(measured: float | None, guess: float | None) -> float | None:
    return guess if measured is None else measured
