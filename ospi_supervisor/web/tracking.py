"""One update as Suivi shows it, put together from what the worker recorded."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ospi_supervisor.domain import stall
from ospi_supervisor.domain.lifecycle import Phase, PhaseStatus, UpdateStatus, rule_of
from ospi_supervisor.domain.words import OUTCOMES, PHASE_STATUS_LABELS, Outcome
from ospi_supervisor.store.engine_reader import EngineReader
from ospi_supervisor.web import pace

LINES_SHOWN = 200
"""Of what hooks print, and of each level of the journal: the newest."""

OUTPUT = "output"
"""The level of the events that carry what hooks print."""

JOURNAL = ("info", "warning", "error")
"""The levels of the journal's lines."""


@dataclass(frozen=True, kw_only=True)
class PhaseView:
    """A phase's row."""

    name: str
    title: str
    status: str
    label: str
    at_fault: bool
    percent: float
    spent: float | None
    expected: float | None
    weight: float
    started_at: str | None
    message: str


@dataclass(frozen=True, kw_only=True)
class Tracking:
    """Everything that the page shows at `now`; `last_event` is where its event stream goes on."""

    now: datetime
    update: dict[str, Any]
    phases: list[PhaseView]
    journal: list[Mapping[str, Any]]
    output: list[str]
    last_event: int
    percent: float
    spent: float | None
    left: float | None
    pace: stall.Pace
    cancellable: bool
    outcome: Outcome | None
    lock: Mapping[str, Any] | None

    @property
    def active(self) -> bool:
        """Whether it is still under way."""
        return not UpdateStatus(self.update["status"]).is_final


def track(reader: EngineReader, update: dict[str, Any], now: datetime) -> Tracking:
    """The update (as `EngineReader.update` gives it) at `now`."""
    status = UpdateStatus(update["status"])
    progress = [_progress(document, reader) for document in update["phases"]]
    said = reader.last_progress(update["id"]) or {}
    shares = pace.weights(progress)
    journal, output, last_event, last_sign = _read_events(reader, update["id"])
    at_work = next((phase for phase in progress if phase.status in (PhaseStatus.DOING, PhaseStatus.UNDOING)), None)
    started_at, ended_at = _instant(update["started_at"]), _instant(update["ended_at"])
    return Tracking(
        now=now,
        update=update,
        phases=[_view(phase, shares[phase.phase], update, said, now) for phase in progress],
        journal=journal,
        output=output,
        last_event=last_event,
        percent=pace.overall_percent(progress),
        spent=None if started_at is None else ((ended_at or now) - started_at).total_seconds(),
        left=None if status.is_final else pace.seconds_left(progress, now),
        pace=stall.Pace.USUAL if at_work is None else _pace(at_work, last_sign or now, now),
        cancellable=_is_cancellable(update, at_work),
        outcome=OUTCOMES.get(status),
        lock=next((lock for lock in reader.locks() if lock["update_id"] == update["id"]), None),
    )


def _progress(document: Mapping[str, Any], reader: EngineReader) -> pace.PhaseProgress:
    phase = Phase(document["name"])
    return pace.PhaseProgress(
        phase=phase,
        status=PhaseStatus(document["status"]),
        percent=document["percent"],
        started_at=_instant(document["started_at"]),
        ended_at=_instant(document["ended_at"]),
        expected=pace.usual(reader.durations(phase)),
    )


def _view(
    progress: pace.PhaseProgress, weight: float, update: Mapping[str, Any], said: Mapping[str, Any], now: datetime
) -> PhaseView:
    final = UpdateStatus(update["status"]).is_final
    at_fault = final and update["status"] != UpdateStatus.CANCELLED and update["failed_phase"] == progress.phase
    return PhaseView(
        name=progress.phase,
        title=rule_of(progress.phase).title,
        status=progress.status,
        label=_label(progress.status, final, at_fault),
        at_fault=at_fault,
        percent=progress.percent,
        spent=progress.spent(now),
        expected=progress.expected,
        weight=weight,
        started_at=progress.started_at.isoformat() if progress.started_at else None,
        message=said.get("message", "") if said.get("phase") == progress.phase else "",
    )


def _label(status: PhaseStatus, final: bool, at_fault: bool) -> str:
    if final and status is PhaseStatus.PENDING:
        return "non effectuée"
    if at_fault and status is PhaseStatus.UNDONE:
        return "échouée, puis annulée"
    return PHASE_STATUS_LABELS[status]


def _pace(at_work: pace.PhaseProgress, last_sign: datetime, now: datetime) -> stall.Pace:
    silence = (now - last_sign).total_seconds()
    return stall.pace_of(spent=at_work.spent(now) or 0.0, silence=silence, usual=at_work.expected)


def _is_cancellable(update: Mapping[str, Any], at_work: pace.PhaseProgress | None) -> bool:
    if UpdateStatus(update["status"]).is_final or update["cancel_requested"] or update["failed_phase"]:
        return False
    phases = [Phase(document["name"]) for document in update["phases"] if document["status"] != PhaseStatus.PENDING]
    furthest = phases[-1] if phases else Phase.VERIFY
    return rule_of(at_work.phase if at_work else furthest).cancellable


def _read_events(
    reader: EngineReader, update_id: int
) -> tuple[list[Mapping[str, Any]], list[str], int, datetime | None]:
    """The journal, the end of what hooks printed, the last event's number and hour; all within one event's number."""
    newest = reader.latest(update_id, 1)
    if not newest:
        return [], [], 0, None
    last = newest[0].id
    journal = [event for level in JOURNAL for event in reader.latest(update_id, LINES_SHOWN, level)]
    printed = [event for event in reader.latest(update_id, LINES_SHOWN, OUTPUT) if event.id <= last]
    output = deque((line for event in printed for line in str(event.data["message"]).splitlines()), LINES_SHOWN)
    journal = sorted((event for event in journal if event.id <= last), key=lambda event: event.id)
    return [event.data for event in journal], list(output), last, datetime.fromisoformat(newest[0].data["at"])


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
