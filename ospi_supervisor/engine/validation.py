"""Judges what is decided of a release behind the closed door."""

from datetime import datetime

from ospi_supervisor.domain.events import EventKind, Level
from ospi_supervisor.domain.lifecycle import Phase, PhaseStatus, UpdateStatus
from ospi_supervisor.domain.requests import GoBack, Open
from ospi_supervisor.domain.validation import Decision, Verdict
from ospi_supervisor.errors import RefusedError
from ospi_supervisor.store.engine_store import EngineStore

WORDS = {Verdict.OPEN: "Ouverture", Verdict.GO_BACK: "Retour à l'ancienne version"}


def decide(store: EngineStore, asked: Open | GoBack, by: str, now: datetime) -> int:
    """The update of which that is decided from now on. RefusedError where it does not wait for it, or something else
    was decided before; the same decided twice is no error."""
    verdict = Verdict.OPEN if isinstance(asked, Open) else Verdict.GO_BACK
    update = store.load(asked.update_id)
    if update is not None and update.decision is not None and update.decision.verdict is verdict:
        return update.id  # the button was pressed twice
    if update is None or not _waits(update.status, update.phases[Phase.VALIDATE].status, update.failed_phase):
        raise RefusedError(f"la mise à jour n° {asked.update_id} n'attend pas de décision", code="not_waiting")
    if update.decision is not None:
        raise RefusedError("il en a déjà été décidé autrement ; regardez Suivi", code="decided")
    store.decide(update.id, Decision(verdict=verdict, by=by))
    message = f"{WORDS[verdict]} décidé{'e' if verdict is Verdict.OPEN else ''} par {by}."
    store.add_event(update.id, EventKind.LOG, Phase.VALIDATE, now, {"level": Level.INFO.value, "message": message})
    return update.id


def _waits(status: UpdateStatus, phase: PhaseStatus, failed: Phase | None) -> bool:
    return status is UpdateStatus.RUNNING and phase is PhaseStatus.DOING and failed is None
