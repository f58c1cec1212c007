"""The situation that every page speaks from, put together from what the worker recorded and what is there now."""

from dataclasses import dataclass

from ospi_supervisor.domain.lifecycle import Phase, PhaseStatus, UpdateStatus
from ospi_supervisor.domain.situation import Facts, Situation, situate
from ospi_supervisor.domain.situation_terms import Restoration, Tone
from ospi_supervisor.store.automatic_documents import RestorationDocument
from ospi_supervisor.store.engine_documents import PhaseStep, UpdateDocument
from ospi_supervisor.store.topics import AFTERCARE
from ospi_supervisor.web.context import web

PILLS = {UpdateStatus.INTERVENTION: "arrêtée", UpdateStatus.PREPARED: "prête"}
BACK = (PhaseStatus.UNDOING, PhaseStatus.UNDONE, PhaseStatus.FAILED)


@dataclass(frozen=True, kw_only=True)
class Now:
    """The update that is not over (as `EngineReader.update` gives it), if there is one, and the situation; `beside`,
    what the platform itself has to say while that update waits for its hour."""

    update: UpdateDocument | None
    situation: Situation
    beside: Situation | None = None

    @property
    def pill(self) -> str:
        """What the menu says beside « Mises à jour »: nothing while nothing is under way."""
        return "" if self.update is None else pill_of(self.update)


def pill_of(update: UpdateDocument) -> str:
    """The same, where that update is the one that is not over."""
    status = UpdateStatus(update["status"])
    return PILLS.get(status, "" if status.is_final or status is UpdateStatus.SCHEDULED else "en cours")


def situation_now() -> Now:
    """For the frame around every page and for the dashboard."""
    operations = web().operations
    reader = operations.reader
    active = reader.active_update() or reader.awaiting_intervention()
    update = reader.update(active) if active else reader.planned_update()
    return Now(update=update, situation=situation_of(update), beside=_beside(update))


def _beside(update: UpdateDocument | None) -> Situation | None:
    if update is None or update["status"] not in (UpdateStatus.SCHEDULED, UpdateStatus.PREPARED):
        return None
    found = _without_update(worker_up=True)  # the update's own situation tells of a worker that is down
    return None if found.tone is Tone.GOOD else found


def _without_update(*, worker_up: bool) -> Situation:
    status = web().operations.status()
    restoration = _restoration(status["restoration"])
    return situate(
        Facts(worker_up=worker_up, page_up=status["maintenance"], restoration=restoration, silent=is_silent())
    )


def situation_of(update: UpdateDocument | None) -> Situation:
    """The situation of one update, over or not; of the platform alone without any."""
    status = web().operations.status()
    worker_up, page_up = status["worker"] == "up", status["maintenance"]
    if update is None:
        return _without_update(worker_up=worker_up)
    phase, going_back = standing(update["phases"])
    return situate(
        Facts(
            update=UpdateStatus(update["status"]),
            phase=phase,
            going_back=going_back or bool(update["failed_phase"]),
            cancelling=bool(update["cancel_requested"]),
            locked=update["lock"] == "held",
            released=update["lock"] == "released",
            decided=bool(update["validation"] and update["validation"]["verdict"]),
            not_opened=update["failed_phase"] == Phase.VALIDATE,
            unscheduled=update["switch_at"] is None,
            worker_up=worker_up,
            page_up=page_up,
        )
    )


def is_silent() -> bool:
    """Whether an alarm stands since an update that succeeded."""
    found = web().operations.reader.published(AFTERCARE)
    return bool(found and found[1].trouble)


def _restoration(told: RestorationDocument | None) -> Restoration:
    if told is None:
        return Restoration.NONE
    return Restoration.STOPPED if told["stopped"] else Restoration.UNDER_WAY


def standing(phases: list[PhaseStep]) -> tuple[Phase | None, bool]:
    """The phase at work, or the last that began; and whether what was done is being undone."""
    begun = [phase for phase in phases if phase["status"] != PhaseStatus.PENDING]
    if not begun:
        return None, False
    at_work = next((phase for phase in begun if phase["status"] in (PhaseStatus.DOING, PhaseStatus.UNDOING)), begun[-1])
    return Phase(at_work["name"]), any(phase["status"] in BACK for phase in begun)
