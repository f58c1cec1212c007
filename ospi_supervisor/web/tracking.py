"""One update as Suivi shows it, put together from what the worker recorded."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from ospi_supervisor.domain import progress as pace
from ospi_supervisor.domain import stall
from ospi_supervisor.domain.events import EventData, Level
from ospi_supervisor.domain.lifecycle import Availability, Phase, PhaseStatus, UpdateStatus, rule_of
from ospi_supervisor.domain.manifest import OWN_PRODUCT
from ospi_supervisor.domain.situation import PAGE, Situation
from ospi_supervisor.domain.situation_terms import End
from ospi_supervisor.domain.words import PHASE_STATUS_LABELS
from ospi_supervisor.store.engine_documents import Lock, PhaseStep, UpdateDocument
from ospi_supervisor.store.engine_reader import EngineReader
from ospi_supervisor.web.expected_end import RETURN_WORDS, EndWords, end_words
from ospi_supervisor.web.situations import situation_of

LINES_SHOWN = 200
"""Of what hooks print, and of each level of the journal: the newest."""

JOURNAL = (Level.INFO, Level.WARNING, Level.ERROR)
"""The levels of the journal's lines."""

REOPENED = "reopened"
BANDS = {
    Availability.UP: "Plateforme ouverte",
    Availability.SLOWER: "Ouverte, plus lente",
    Availability.PAGE: "Page de maintenance",
    REOPENED: "Rouverte",
}
"""What the platform's users see, in the order in which an update leads through it."""

WORKING = (PhaseStatus.DOING, PhaseStatus.UNDOING)


@dataclass(frozen=True, kw_only=True)
class PhaseView:
    """A phase's row."""

    name: str
    title: str
    band: str
    status: str
    label: str
    at_fault: bool
    percent: float
    spent: float | None
    expected: float | None
    weight: float
    started_at: str | None
    message: str


class JournalLine(EventData):
    """A line of the journal, and how often it was said in a row."""

    count: int


@dataclass(frozen=True, kw_only=True)
class Band:
    """The phases during which users see the same."""

    name: str
    phases: list[PhaseView]


@dataclass(frozen=True, kw_only=True)
class Tracking:
    """Everything that the page shows at `now`; `last_event` is where its event stream goes on."""

    now: datetime
    update: UpdateDocument
    phases: list[PhaseView]
    journal: list[JournalLine]
    output: list[str]
    last_event: int
    percent: float
    spent: float | None
    waited: float
    left: float | None
    pace: stall.Pace
    silence: float
    normal_silence: float
    cancellable: bool
    situation: Situation
    lock: Lock | None
    fold: int | None = None

    @property
    def active(self) -> bool:
        """Whether it is still under way."""
        return not UpdateStatus(self.update["status"]).is_final

    @property
    def has_hour(self) -> bool:
        """Whether it waits for an hour, or is being prepared for one, that can be changed."""
        status = UpdateStatus(self.update["status"])
        waits = status in (UpdateStatus.SCHEDULED, UpdateStatus.PREPARED)
        return (waits or self.update["switch_at"] is not None) and self.cancellable

    @property
    def at_work(self) -> PhaseView | None:
        """The phase that is being done or undone."""
        return next((phase for phase in self.phases if phase.status in WORKING), None)

    @property
    def folded(self) -> list[PhaseView]:
        """The first phases, which went as they should when the page was opened, as `fold` has it: later ones stay where
        they are read."""
        done = [phase.status == PhaseStatus.DONE for phase in self.phases]
        return self.phases[: [*done, False].index(False) if self.fold is None else self.fold]

    @property
    def shown(self) -> list[PhaseView]:
        """The other phases."""
        return self.phases[len(self.folded) :]

    @property
    def bands(self) -> list[Band]:
        """The phases grouped by what the platform's users see during them."""
        return [
            Band(name=BANDS[availability], phases=[phase for phase in self.phases if phase.band == availability])
            for availability in BANDS
        ]

    @property
    def position(self) -> int:
        """The number of the phase at work among all of them, from 1."""
        begun = [number for number, phase in enumerate(self.phases, 1) if phase.status != PhaseStatus.PENDING]
        return begun[-1] if begun else 1

    @property
    def to_undo(self) -> int:
        """How many phases the way back has still to undo, the one at work included."""
        return sum(phase.status in (PhaseStatus.DONE, PhaseStatus.UNDOING) for phase in self.phases)

    @property
    def work_since(self) -> str:
        """The instant from which a clock that never waited would count, ISO 8601."""
        return (self.now - timedelta(seconds=self.spent or 0.0)).isoformat()

    @property
    def page_since(self) -> str | None:
        """Since when users see the maintenance page, ISO 8601; None where they do not."""
        if self.situation.users != PAGE:
            return None
        return next((phase.started_at for phase in self.phases if phase.name == Phase.MAINTENANCE), None)

    @property
    def end_words(self) -> EndWords:
        """When it ends, and how sure that is."""
        return RETURN_WORDS if self.situation.end is End.RETURN else end_words(self.left, self.now)


def track(reader: EngineReader, update: UpdateDocument, now: datetime) -> Tracking:
    """The update (as `EngineReader.update` gives it) at `now`."""
    status = UpdateStatus(update["status"])
    expected = reader.expected(update["id"])
    progress = [_progress(document, expected) for document in update["phases"]]
    said = reader.last_progress(update["id"]) or {}
    shares = pace.weights(progress)
    journal, output, last_event, last_sign = _read_events(reader, update["id"])
    at_work = next((phase for phase in progress if phase.status in (PhaseStatus.DOING, PhaseStatus.UNDOING)), None)
    silence = (now - (last_sign or now)).total_seconds()
    started_at, ended_at = _instant(update["started_at"]), _instant(update["ended_at"])
    waited = update["waited_seconds"] + (0.0 if status.is_final else _waits_since(progress, now))
    return Tracking(
        now=now,
        update=update,
        phases=[_view(phase, shares[phase.phase], update, said, now) for phase in progress],
        journal=folded(journal),
        output=output,
        last_event=last_event,
        percent=pace.overall_percent(progress),
        spent=None if started_at is None else max(0.0, ((ended_at or now) - started_at).total_seconds() - waited),
        waited=waited,
        left=None if status.is_final else pace.seconds_left(progress, now),
        pace=stall.Pace.USUAL if at_work is None else _pace(at_work, silence, now),
        silence=silence,
        normal_silence=stall.normal_silence(at_work.expected if at_work else None),
        cancellable=_is_cancellable(update, at_work),
        situation=situation_of(update),
        lock=next((lock for lock in reader.locks() if lock["update_id"] == update["id"]), None),
    )


def folded(journal: list[EventData]) -> list[JournalLine]:
    """The journal with equal lines that follow one another told once."""
    lines: list[JournalLine] = []
    for line in journal:
        last = lines[-1] if lines else None
        if last and (last["level"], last["message"]) == (line["level"], line["message"]):
            last["count"] += 1
        else:
            lines.append({**line, "count": 1})
    return lines


def _progress(document: PhaseStep, expected: Mapping[Phase, float | None]) -> pace.PhaseProgress:
    phase = Phase(document["name"])
    return pace.PhaseProgress(
        phase=phase,
        status=PhaseStatus(document["status"]),
        percent=document["percent"],
        started_at=_instant(document["started_at"]),
        ended_at=_instant(document["ended_at"]),
        expected=expected[phase],
    )


def _waits_since(progress: list[pace.PhaseProgress], now: datetime) -> float:
    return sum(phase.spent(now) or 0.0 for phase in progress if phase.phase is Phase.VALIDATE)


def _view(
    progress: pace.PhaseProgress, weight: float, update: UpdateDocument, said: EventData, now: datetime
) -> PhaseView:
    final = UpdateStatus(update["status"]).is_final
    at_fault = final and update["status"] != UpdateStatus.CANCELLED and update["failed_phase"] == progress.phase
    return PhaseView(
        name=progress.phase,
        title=rule_of(progress.phase).title,
        band=_band(progress.phase),
        status=progress.status,
        label=_label(progress, final, at_fault),
        at_fault=at_fault,
        percent=progress.percent,
        spent=progress.spent(now),
        expected=progress.expected,
        weight=weight,
        started_at=progress.started_at.isoformat() if progress.started_at else None,
        message=said.get("message", "") if said.get("phase") == progress.phase else "",
    )


def _band(phase: Phase) -> str:
    availability = rule_of(phase).availability
    after = list(Phase).index(phase) >= list(Phase).index(Phase.REOPEN)
    return REOPENED if after and availability is Availability.UP else availability


def _label(progress: pace.PhaseProgress, final: bool, at_fault: bool) -> str:
    status = progress.status
    if final and status is PhaseStatus.PENDING:
        return "non effectuée"
    if at_fault and progress.phase is Phase.VALIDATE:
        return "non ouverte"
    if at_fault and status is PhaseStatus.UNDONE:
        return "échouée, puis annulée"
    return PHASE_STATUS_LABELS[status]


def _pace(at_work: pace.PhaseProgress, silence: float, now: datetime) -> stall.Pace:
    if at_work.phase is Phase.VALIDATE:  # it waits for a person
        return stall.Pace.USUAL
    return stall.pace_of(spent=at_work.spent(now) or 0.0, silence=silence, usual=at_work.expected)


def _is_cancellable(update: UpdateDocument, at_work: pace.PhaseProgress | None) -> bool:
    if UpdateStatus(update["status"]).is_final or update["cancel_requested"] or update["failed_phase"]:
        return False
    done = {document["name"] for document in update["phases"] if document["status"] == PhaseStatus.DONE}
    if update["product"] == OWN_PRODUCT and Phase.PREREQUISITES in done:  # it may be changing the program
        return False
    phases = [Phase(document["name"]) for document in update["phases"] if document["status"] != PhaseStatus.PENDING]
    furthest = phases[-1] if phases else Phase.VERIFY
    return rule_of(at_work.phase if at_work else furthest).cancellable


def _read_events(reader: EngineReader, update_id: int) -> tuple[list[EventData], list[str], int, datetime | None]:
    """The journal, the end of what hooks printed, the last event's number and hour; all within one event's number."""
    newest = reader.latest(update_id, 1)
    if not newest:
        return [], [], 0, None
    last = newest[0].id
    journal = [event for level in JOURNAL for event in reader.latest(update_id, LINES_SHOWN, level)]
    printed = [event for event in reader.latest(update_id, LINES_SHOWN, Level.OUTPUT) if event.id <= last]
    output = deque((line for event in printed for line in str(event.data["message"]).splitlines()), LINES_SHOWN)
    journal = sorted((event for event in journal if event.id <= last), key=lambda event: event.id)
    return [event.data for event in journal], list(output), last, datetime.fromisoformat(newest[0].data["at"])


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
