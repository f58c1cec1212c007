"""The report of an update: what was installed, by whom, when, with what interruption, and what was told."""

from datetime import datetime
from typing import TypedDict

from ospi_supervisor.domain.lifecycle import Phase
from ospi_supervisor.web.labels import phase_title
from ospi_supervisor.web.tracking import PhaseView, Tracking


class PhaseReport(TypedDict):
    """One phase."""

    name: str
    title: str
    status: str
    label: str
    started_at: str | None
    seconds: float | None


class JournalLine(TypedDict):
    """One line of the journal."""

    at: str
    level: str
    message: str
    count: int


class Outcome(TypedDict):
    """How it ended, and what became of the data."""

    title: str
    data: str


class Report(TypedDict):
    """The whole document; `update` as `api/updates` has it."""

    update: dict[str, object]
    outcome: Outcome
    failed_phase: str | None
    seconds: float | None
    waited_seconds: float
    downtime_seconds: float | None
    phases: list[PhaseReport]
    journal: list[JournalLine]


def report_of(tracking: Tracking) -> Report:
    """The document of `suivi/ID/rapport`; durations in seconds, None where they are not known."""
    update = tracking.update
    failed = update["failed_phase"]
    return {
        "update": {name: value for name, value in update.items() if name != "phases"},
        "outcome": {"title": tracking.situation.title, "data": tracking.situation.data},
        "failed_phase": phase_title(failed) if failed else None,
        "seconds": tracking.spent,
        "waited_seconds": tracking.waited,
        "downtime_seconds": downtime(tracking),
        "phases": [_phase(phase) for phase in tracking.phases],
        "journal": [
            {"at": line["at"], "level": line["level"], "message": line["message"], "count": line["count"]}
            for line in tracking.journal
        ],
    }


def downtime(tracking: Tracking) -> float | None:
    """From the moment the page was asked for until it went, on either way; None where it never was."""
    phases = {phase.name: phase for phase in tracking.phases}
    begun, reopened = phases[Phase.MAINTENANCE].started_at, phases[Phase.REOPEN]
    if begun is None:
        return None
    if reopened.started_at is not None and reopened.spent is not None:
        return _seconds(begun, reopened.started_at) + reopened.spent
    return _seconds(begun, tracking.update["ended_at"] or tracking.now.isoformat())


def _seconds(begun: str, ended: str) -> float:
    return (datetime.fromisoformat(ended) - datetime.fromisoformat(begun)).total_seconds()


def _phase(phase: PhaseView) -> PhaseReport:
    return {
        "name": phase.name,
        "title": phase.title,
        "status": phase.status,
        "label": phase.label,
        "started_at": phase.started_at,
        "seconds": phase.spent,
    }
