"""What is told of updates: the documents of `docs/api.md`, typed, and made here alone from the rows of `engine.db`."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypedDict

from ospi_supervisor.domain.lifecycle import Phase
from ospi_supervisor.domain.unlock import Challenge

Row = Mapping[str, Any]
"""A row as the database gives it; its columns are those of the models."""


class Answer(TypedDict):
    """The worker's answer to a request; `update_id` where an update followed from it."""

    accepted: bool
    message: str
    update_id: int | None


class Lock(TypedDict):
    """A version that failed here; `challenge` is for the support to sign."""

    product: str
    version: str
    update_id: int
    locked_at: str
    challenge: str


class PhaseStep(TypedDict):
    """One phase of an update."""

    name: str
    status: str
    started_at: str | None
    ended_at: str | None
    percent: float


class ValidationDocument(TypedDict):
    """The validation of an update: until when somebody may decide, what was decided (`open`, `go_back`) and by whom
    (empty: the configuration's rule), and what was written since it began, in words."""

    until: str | None
    verdict: str | None
    decided_by: str | None
    changes: list[str]


UpdateSummary = TypedDict(
    "UpdateSummary",
    {
        "id": int,
        "status": str,
        "product": str,
        "from": str,
        "to": str | None,
        "source": str,
        "requested_by": str,
        "start_at": str | None,
        "switch_at": str | None,
        "announce_minutes": int | None,
        "announcement": str | None,
        "notice_sha256": str | None,
        "notice_read_at": str | None,
        "queued_at": str,
        "started_at": str | None,
        "ended_at": str | None,
        "waited_seconds": float,
        "failed_phase": str | None,
        "failure": str | None,
        "cancel_requested": bool,
    },
)
"""One update, as lists have it."""


class UpdateDocument(UpdateSummary):
    """One update with its phases; `lock` is `held` or `released` where it left one, `validation` None where nobody
    asked for one."""

    lock: str | None
    validation: ValidationDocument | None
    phases: list[PhaseStep]


def summary(row: Row) -> UpdateSummary:
    """Of a row of `Update`."""
    return {
        "id": row["id"],
        "status": row["status"],
        "product": row["product"],
        "from": row["from_version"],
        "to": row["to_version"],
        "source": row["source"],
        "requested_by": row["requested_by"],
        "start_at": _instant(row["start_at"]),
        "switch_at": _instant(row["switch_at"]),
        "announce_minutes": row["announce_minutes"],
        "announcement": row["announcement"],
        "notice_sha256": row["notice_sha256"],
        "notice_read_at": _instant(row["notice_read_at"]),
        "queued_at": row["queued_at"].isoformat(),
        "started_at": _instant(row["started_at"]),
        "ended_at": _instant(row["ended_at"]),
        "waited_seconds": (row["held_seconds"] or 0.0) + (row["validation_seconds"] or 0.0),
        "failed_phase": row["failed_phase"],
        "failure": row["failure"],
        "cancel_requested": row["cancel_requested"],
    }


def step(row: Row) -> PhaseStep:
    """Of a row of `PhaseRecord`."""
    return {
        "name": row["name"],
        "status": row["status"],
        "started_at": _instant(row["started_at"]),
        "ended_at": _instant(row["ended_at"]),
        "percent": row["percent"],
    }


def document(update: Row, phases: list[Row], lock: Row | None) -> UpdateDocument:
    """Of its row, its phases' and the newest lock that it left."""
    state = None if lock is None else "held" if lock["released_at"] is None else "released"
    steps = [step(phase) for phase in phases]
    return {**summary(update), "lock": state, "validation": _validation(update, phases), "phases": steps}


def _validation(update: Row, phases: list[Row]) -> ValidationDocument | None:
    facts = next((phase["facts"] for phase in phases if phase["name"] == Phase.VALIDATE), None)
    if facts is None:
        return None
    return {
        "until": facts.get("until"),
        "verdict": update["verdict"],
        "decided_by": update["decided_by"],
        "changes": facts.get("changes", []),
    }


def lock(row: Row) -> Lock:
    """Of a row of `VersionLock`."""
    product, version, owner = row["product"], row["version"], row["owner"]
    return {
        "product": product,
        "version": version,
        "update_id": owner,
        "locked_at": row["locked_at"].isoformat(),
        "challenge": str(Challenge(product=product, version=version, update_id=owner, nonce=row["nonce"])),
    }


def _instant(value: datetime | None) -> str | None:
    return None if value is None else value.isoformat()
