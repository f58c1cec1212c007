"""What the worker writes to `engine.db`, and reads back of it, as plain values."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ospi_supervisor.domain.lifecycle import Phase, PhaseStatus, UpdateStatus
from ospi_supervisor.domain.validation import Decision, Verdict


@dataclass(frozen=True, kw_only=True)
class NewUpdate:
    """An update as it is admitted. With a `start_at` to come it is scheduled, else queued; with `switch_at` it is
    prepared at once and waits for that hour.

    `to_version` is what it announces itself to be, until `verify` has proven what it is. `validates`: the release is to
    be looked at behind the closed door before it is opened.
    """

    product: str
    from_version: str
    source: str
    requested_by: str
    archive: Path
    notice_sha256: str | None
    notice_read_at: datetime | None
    start_at: datetime | None
    to_version: str | None = None
    validates: bool = False
    switch_at: datetime | None = None

    def waits(self, now: datetime) -> bool:
        """Whether its hour is to come."""
        return self.start_at is not None and self.start_at > now


@dataclass(frozen=True, kw_only=True)
class StoredPhase:
    """Where one phase of an update stands, as recorded."""

    status: PhaseStatus
    started_at: datetime | None
    ended_at: datetime | None
    facts: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class StoredUpdate:
    """One update as recorded. A `failed_phase` without a `failure` was cancelled there. `validates`: it has the phase
    `validate`, of which `decision` is what was decided."""

    id: int
    status: UpdateStatus
    product: str
    from_version: str
    to_version: str | None
    source: str
    requested_by: str
    archive: Path
    start_at: datetime | None
    switch_at: datetime | None
    wake_at: datetime | None
    started_at: datetime | None
    failed_phase: Phase | None
    failure: str | None
    cancel_requested: bool
    attempts: int
    validates: bool
    decision: Decision | None
    phases: Mapping[Phase, StoredPhase]


@dataclass(frozen=True, kw_only=True)
class StoredLock:
    """A version that failed in that update; `released` by the support, or because the update succeeded at last."""

    id: int
    product: str
    version: str
    update_id: int
    nonce: str
    released: bool


def span(begin: datetime | None, end: datetime | None) -> float:
    """The seconds from one to the other; none where either is missing, or the clock was set back."""
    return max(0.0, (end - begin).total_seconds()) if begin and end else 0.0


def decision_of(row: Any) -> Decision | None:
    """Of a row of `Update`: what somebody decided behind the closed door, None before."""
    return None if row.verdict is None else Decision(verdict=Verdict(row.verdict), by=row.decided_by or "")


def stored_update(row: Any, phases: list[Any]) -> StoredUpdate:
    """Of a row of `Update`, and those of its phases; a phase without a row was added since, and is not begun."""
    not_begun = dict.fromkeys(Phase, StoredPhase(status=PhaseStatus.PENDING, started_at=None, ended_at=None, facts={}))
    return StoredUpdate(
        id=row.id,
        status=UpdateStatus(row.status),
        product=row.product,
        from_version=row.from_version,
        to_version=row.to_version,
        source=row.source,
        requested_by=row.requested_by,
        archive=Path(row.archive),
        start_at=row.start_at,
        switch_at=row.switch_at,
        wake_at=row.wake_at,
        started_at=row.started_at,
        failed_phase=Phase(row.failed_phase) if row.failed_phase else None,
        failure=row.failure,
        cancel_requested=row.cancel_requested,
        attempts=row.attempts,
        validates=any(phase.name == Phase.VALIDATE for phase in phases),
        decision=decision_of(row),
        phases=not_begun
        | {
            Phase(phase.name): StoredPhase(
                status=PhaseStatus(phase.status),
                started_at=phase.started_at,
                ended_at=phase.ended_at,
                facts=phase.facts,
            )
            for phase in phases
        },
    )
