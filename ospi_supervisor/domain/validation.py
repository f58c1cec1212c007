"""The validation behind the closed door: what is decided of a new release that only a link's holders see."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Verdict(StrEnum):
    """What becomes of the new release."""

    OPEN = "open"
    GO_BACK = "go_back"


@dataclass(frozen=True, kw_only=True)
class Decision:
    """Decided once, for good. `by` is empty where nobody decided: the rule of the configuration did."""

    verdict: Verdict
    by: str = ""


OPENED_BY_RULE = (
    "Personne n'en a décidé : la nouvelle version est ouverte à tous, comme le veut la configuration"
    " (validation.without_decision)."
)
"""For the journal."""


def why_back(decision: Decision, deadline: datetime | None) -> str:
    """Why the old release comes back, in words. `deadline`: the hour that passed without a decision; None where the
    service or the server was interrupted meanwhile."""
    if decision.by:
        return f"{decision.by} a choisi de revenir à l'ancienne version"
    if deadline is None:
        return "le service ou le serveur s'est interrompu pendant la validation"
    return f"personne n'a ouvert la nouvelle version avant l'heure limite ({deadline.astimezone():%d/%m/%Y à %H:%M})"
