"""`engine.db` as everybody but the worker sees it: read-only, in plain values."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from peewee import Database

from ospi_supervisor.domain.lifecycle import Phase, PhaseStatus, UpdateStatus
from ospi_supervisor.domain.unlock import Challenge
from ospi_supervisor.store.database import ReadOnlyDatabase
from ospi_supervisor.store.engine_models import (
    ENGINE_MODELS,
    Answer,
    Automatic,
    Event,
    Heartbeat,
    PhaseRecord,
    Published,
    SettingInForce,
    Update,
    VersionLock,
)

ALIVE_SECONDS = 15
"""A worker that gave no sign of life for longer is down."""

UNDER_WAY = (UpdateStatus.QUEUED, UpdateStatus.RUNNING)


@dataclass(frozen=True)
class EventDoc:
    """One event: its number, its kind (phase, progress, log, end) and its JSON document."""

    id: int
    kind: str
    data: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class AutomaticRow:
    """What is recorded of the automatic update; the fields are those of the model `Automatic`."""

    server_id: str
    last_night: date | None
    last_check: dict[str, Any] | None
    last_run: dict[str, Any] | None
    activity: dict[str, Any] | None


@dataclass(frozen=True, kw_only=True)
class SettingRow:
    """A setting in force that was changed once."""

    name: str
    value: str
    changed_at: datetime
    changed_by: str


class EngineReader:
    """What there is to know of updates. An engine that never ran yet has none.

    Every method raises StateError where the database cannot be read.
    """

    def __init__(self, url: str) -> None:
        self._database = ReadOnlyDatabase(url, ENGINE_MODELS)

    def worker_alive(self, now: datetime) -> bool:
        """Whether the worker gave a sign of life within the last `ALIVE_SECONDS`."""
        rows = self._rows(Heartbeat.select())
        # A sign from the future is no better than an old one: the clock was set back.
        return bool(rows) and abs(now - rows[0]["at"]) < timedelta(seconds=ALIVE_SECONDS)

    def active_update(self) -> int | None:
        """The update that is queued or running, if one is."""
        rows = self._rows(Update.select(Update.id).where(Update.status.in_(UNDER_WAY)))
        return int(rows[0]["id"]) if rows else None

    def running_update(self) -> int | None:
        """The update that began and has not ended, if there is one."""
        rows = self._rows(Update.select(Update.id).where(Update.status == UpdateStatus.RUNNING))
        return int(rows[0]["id"]) if rows else None

    def planned_update(self) -> dict[str, Any] | None:
        """The update that waits for the earliest hour to come, as the documented JSON; None where none is planned."""
        planned = Update.select().where(Update.status == UpdateStatus.SCHEDULED).order_by(Update.start_at, Update.id)
        rows = self._rows(planned.limit(1))
        return _update_document(rows[0]) if rows else None

    def updates(self) -> list[dict[str, Any]]:
        """Every update, the newest first, as the documented JSON."""
        return [_update_document(row) for row in self._rows(Update.select().order_by(Update.id.desc()))]

    def update(self, update_id: int) -> dict[str, Any] | None:
        """One update with its phases, as the documented JSON; None where there is none."""

        def query(database: Database) -> dict[str, Any] | None:
            rows = list(Update.select().where(Update.id == update_id).dicts().execute(database))
            phases = PhaseRecord.select().where(PhaseRecord.owner == update_id).order_by(PhaseRecord.position)
            if not rows:
                return None
            return _update_document(rows[0]) | {
                "phases": [_phase_document(row) for row in phases.dicts().execute(database)]
            }

        return self._database.read(query)

    def events(self, update_id: int, after: int = 0, limit: int = 1000) -> list[EventDoc]:
        """The update's events that follow number `after`, in order, `limit` of them at most."""
        query = Event.select().where(Event.owner == update_id, Event.id > after).order_by(Event.id).limit(limit)
        return [EventDoc(row["id"], row["kind"], row["data"]) for row in self._rows(query)]

    def latest(self, update_id: int, limit: int, level: str | None = None) -> list[EventDoc]:
        """The update's newest events, in order, `limit` of them at most; with `level`, only its `log` of that one.

        Costs what it returns, however many others there are.
        """
        query = Event.select().where(Event.owner == update_id)
        if level is not None:
            query = query.where(Event.level == level)
        rows = self._rows(query.order_by(Event.id.desc()).limit(limit))
        return [EventDoc(row["id"], row["kind"], row["data"]) for row in reversed(rows)]

    def last_progress(self, update_id: int) -> dict[str, Any] | None:
        """The document of the event that last said how far the phase at work is; None where it said nothing since it
        began."""
        query = Event.select(Event.kind, Event.data).where(Event.owner == update_id, Event.level.is_null())
        rows = self._rows(query.order_by(Event.id.desc()).limit(1))
        return rows[0]["data"] if rows and rows[0]["kind"] == "progress" else None

    def last_event_id(self) -> int:
        """The number of the newest event of all; 0 before the first."""
        rows = self._rows(Event.select(Event.id).order_by(Event.id.desc()).limit(1))
        return int(rows[0]["id"]) if rows else 0

    def end_of(self, update_id: int) -> int:
        """The number of the update's last `end` event; 0 before it ended for the first time."""
        query = Event.select(Event.id).where(Event.owner == update_id, Event.kind == "end")
        rows = self._rows(query.order_by(Event.id.desc()).limit(1))
        return int(rows[0]["id"]) if rows else 0

    def data_version(self) -> object:
        """Something that differs from its former value whenever the database has changed."""
        return self._database.version()

    def answer(self, request_id: int) -> dict[str, Any] | None:
        """The worker's answer to a request: `accepted`, `message`, `update_id`; None before it has judged."""
        rows = self._rows(Answer.select().where(Answer.request_id == request_id))
        if not rows:
            return None
        return {name: rows[0][name] for name in ("accepted", "message", "update_id")}

    def published(self, name: str) -> tuple[datetime, dict[str, Any]] | None:
        """What the worker published under that name, and when; None before it did."""
        rows = self._rows(Published.select().where(Published.name == name))
        return (rows[0]["at"], rows[0]["document"]) if rows else None

    def locks(self) -> list[dict[str, Any]]:
        """The versions that failed here and may not be started again; `challenge` is for the support to sign."""
        rows = self._rows(VersionLock.select().where(VersionLock.released_at.is_null()).order_by(VersionLock.id))
        return [
            {
                "product": row["product"],
                "version": row["version"],
                "update_id": row["owner"],
                "locked_at": _instant(row["locked_at"]),
                "challenge": str(
                    Challenge(
                        product=row["product"], version=row["version"], update_id=row["owner"], nonce=row["nonce"]
                    )
                ),
            }
            for row in rows
        ]

    def durations(self, phase: Phase) -> list[float]:
        """How long that phase took in the updates that succeeded, in seconds, the newest first."""
        query = (
            PhaseRecord.select(PhaseRecord.started_at, PhaseRecord.ended_at)
            .join(Update)
            .where(
                Update.status == UpdateStatus.SUCCEEDED,
                PhaseRecord.name == phase,
                PhaseRecord.status == PhaseStatus.DONE,
            )
            .order_by(PhaseRecord.id.desc())
        )
        return [(row["ended_at"] - row["started_at"]).total_seconds() for row in self._rows(query)]

    def integrity(self) -> list[str]:
        """What SQLite says of the database: `ok`, or what is wrong with it."""
        return self._database.integrity()

    def awaiting_intervention(self) -> int | None:
        """The update that left the platform in need of the support, who did not release it yet."""
        rows = self._rows(Update.select(Update.id).where(awaits_intervention()))
        return int(rows[0]["id"]) if rows else None

    def setting(self, name: str) -> SettingRow | None:
        """The setting of that name as it is in force; None where it was never changed."""
        rows = self._rows(SettingInForce.select().where(SettingInForce.name == name))
        return SettingRow(**rows[0]) if rows else None

    def automatic(self) -> AutomaticRow | None:
        """What is known of the automatic update; None before the worker ran for the first time."""
        rows = self._rows(Automatic.select())
        return automatic_row(rows[0]) if rows else None

    def close(self) -> None:
        """Close the connection."""
        self._database.close()

    def _rows(self, query: Any) -> list[dict[str, Any]]:
        def run(database: Database) -> list[dict[str, Any]]:
            rows: Iterable[dict[str, Any]] = query.dicts().execute(database)
            return list(rows)

        return self._database.read(run)


def awaits_intervention() -> Any:
    """The condition that an update ended in an intervention and its version was not released since."""
    released = VersionLock.select(VersionLock.owner).where(VersionLock.released_at.is_null(False))
    return (Update.status == UpdateStatus.INTERVENTION) & Update.id.not_in(released)


def automatic_row(row: dict[str, Any]) -> AutomaticRow:
    """The row of the table `Automatic`, without its key."""
    return AutomaticRow(**{name: value for name, value in row.items() if name != "id"})


def _instant(value: datetime | None) -> str | None:
    return None if value is None else value.isoformat()


def _update_document(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": row["id"],
        "status": row["status"],
        "product": row["product"],
        "from": row["from_version"],
        "to": row["to_version"],
        "source": row["source"],
        "requested_by": row["requested_by"],
        "start_at": _instant(row["start_at"]),
        "notice_sha256": row["notice_sha256"],
        "notice_read_at": _instant(row["notice_read_at"]),
        "queued_at": _instant(row["queued_at"]),
        "started_at": _instant(row["started_at"]),
        "ended_at": _instant(row["ended_at"]),
        "failed_phase": row["failed_phase"],
        "failure": row["failure"],
        "cancel_requested": row["cancel_requested"],
    }


def _phase_document(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": row["name"],
        "status": row["status"],
        "started_at": _instant(row["started_at"]),
        "ended_at": _instant(row["ended_at"]),
        "percent": row["percent"],
    }
