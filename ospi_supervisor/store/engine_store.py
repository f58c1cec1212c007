"""`engine.db` as the worker writes it. What stands together in one `transaction` is recorded wholly or not at all."""

import secrets
from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any

from peewee import Database, ModelUpdate

from ospi_supervisor.domain.events import EventData, EventKind
from ospi_supervisor.domain.hour import NEAR, Hour
from ospi_supervisor.domain.lifecycle import OWN_PHASES, UNDER_WAY, Phase, PhaseStatus, UpdateStatus
from ospi_supervisor.domain.manifest import OWN_PRODUCT
from ospi_supervisor.domain.validation import Decision
from ospi_supervisor.store.database import WritableDatabase
from ospi_supervisor.store.engine_models import (
    ENGINE_FORMAT,
    Answer,
    EngineModel,
    Event,
    Heartbeat,
    PhaseRecord,
    Update,
    VersionLock,
)
from ospi_supervisor.store.engine_reader import awaits_intervention, locked_by
from ospi_supervisor.store.engine_rows import NewUpdate, StoredLock, StoredUpdate, decision_of, span, stored_update

NONCE_BYTES = 10
FILE_MODE = 0o640
"""The worker writes, the web account (the folder's group) reads, nobody else sees it."""


class EngineStore:
    """The worker's own view: it alone writes. Every method raises StateError where the disk refuses."""

    def __init__(self, url: str) -> None:
        self._database = WritableDatabase(url, ENGINE_FORMAT, FILE_MODE)

    def transaction(self) -> AbstractContextManager[Database]:
        """Make one durable step of all the calls within."""
        return self._database.transaction()

    def close(self) -> None:
        """Close the connection."""
        self._database.close()

    def beat(self, now: datetime, pid: int) -> None:
        """A sign of life of the worker."""
        with self.transaction() as database:
            Heartbeat.insert(id=1, at=now, pid=pid).on_conflict_replace().execute(database)

    # --- requests ---------------------------------------------------------------------------------------------

    def is_answered(self, request_id: int) -> bool:
        """Whether that request was judged."""
        with self.transaction() as database:
            return bool(Answer.select().where(Answer.request_id == request_id).exists(database))

    def answered_after(self, request_id: int) -> set[int]:
        """The requests of greater numbers that were judged."""
        with self.transaction() as database:
            return {row.request_id for row in Answer.select().where(Answer.request_id > request_id).execute(database)}

    def answer(
        self, request_id: int, *, accepted: bool, message: str = "", update_id: int | None = None, now: datetime
    ) -> None:
        """The judgement of a request. A second one is refused by the database (IntegrityError)."""
        with self.transaction() as database:
            Answer.insert(
                request_id=request_id, at=now, accepted=accepted, message=message, update_id=update_id
            ).execute(database)

    def admit(self, update: NewUpdate, now: datetime) -> int:
        """A new update with its pending phases: its number. A second one under way is refused by the database."""
        status = UpdateStatus.SCHEDULED if update.waits(now) else UpdateStatus.QUEUED
        values = vars(update) | {"archive": str(update.archive), "status": status, "queued_at": now}
        asked = values.pop("validates")
        with self.transaction() as database:
            update_id = int(Update.insert(**values).execute(database))
            for phase in OWN_PHASES if update.product == OWN_PRODUCT else tuple(Phase):
                if asked or phase is not Phase.VALIDATE:
                    _pending(update_id, phase).execute(database)
        return update_id

    def request_cancel(self, update_id: int) -> None:
        """Note that the update is to stop."""
        self._change(update_id, cancel_requested=True)

    def decide(self, update_id: int, decision: Decision | None = None) -> Decision | None:
        """What is decided of the update's validation: `decision`, unless something was decided before."""
        with self.transaction() as database:
            if decision is not None:
                undecided = (Update.id == update_id) & Update.verdict.is_null()
                _where(Update, {"verdict": decision.verdict, "decided_by": decision.by}, undecided, database)
            return decision_of(Update.select().where(Update.id == update_id).get(database))

    # --- which update -----------------------------------------------------------------------------------------

    def under_way(self) -> int | None:
        """The update that holds the turn: queued, running or prepared."""
        return self._first(Update.status.in_(UNDER_WAY))

    def awaiting_intervention(self) -> int | None:
        """The update that left the platform in need of the support, who did not release it yet."""
        return self._first(awaits_intervention())

    def next_update(self, now: datetime) -> int | None:
        """The update to work on now: the one under way, unless it is prepared and its hour far; without one, the
        earliest whose hour has come."""
        if self.under_way() is None:
            return self._first((Update.status == UpdateStatus.SCHEDULED) & (Update.start_at <= now))
        waits = (Update.status == UpdateStatus.PREPARED) & ~Update.cancel_requested
        awake = waits & (Update.wake_at <= now + NEAR)
        return self._first(Update.status.in_(UNDER_WAY) & (~waits | awake))

    def load(self, update_id: int) -> StoredUpdate | None:
        """That update, with its phases."""
        with self.transaction() as database:
            rows = list(Update.select().where(Update.id == update_id).execute(database))
            phases = PhaseRecord.select().where(PhaseRecord.owner == update_id)
            return stored_update(rows[0], list(phases.execute(database))) if rows else None

    # --- the course of one update -----------------------------------------------------------------------------

    def begin(self, update_id: int, from_version: str, now: datetime) -> bool:
        """The update runs from here on; False where it was cancelled, or another came before it, in the meantime."""
        with self.transaction():
            update = self.load(update_id)
            if update is None or update.status.is_final or self.under_way() not in (None, update_id):
                return False
            self._change(update_id, status=UpdateStatus.RUNNING, from_version=from_version, started_at=now)
        return True

    def hold(self, update_id: int, hour: Hour | None, now: datetime) -> None:
        """The update is prepared, and waits for that hour; without one, for somebody to choose it."""
        self._change(update_id, status=UpdateStatus.PREPARED, held_since=now, **_columns(hour))

    def take_up(self, update_id: int, now: datetime) -> None:
        """A prepared update runs again; what it waited is counted."""
        with self.transaction() as database:
            row = Update.select().where(Update.id == update_id).get(database)
            waited = (row.held_seconds or 0.0) + span(row.held_since, now)
            self._change(update_id, status=UpdateStatus.RUNNING, held_since=None, held_seconds=waited)

    def set_hour(self, update_id: int, hour: Hour | None) -> None:
        """The hour for which an update is, or is being, prepared."""
        self._change(update_id, **_columns(hour))

    def set_announcement(self, update_id: int, minutes: int, message: str) -> None:
        """How long before its hour users are told, and what."""
        self._change(update_id, announce_minutes=minutes, announcement=message)

    def set_start(self, update_id: int, start_at: datetime) -> None:
        """The hour at which a planned update begins."""
        self._change(update_id, start_at=start_at)

    def set_phase(self, update_id: int, phase: Phase, **changes: Any) -> None:
        """Change what is recorded of one phase: `status`, `percent`, `started_at`, `ended_at`, `facts`.

        One that was added since the update was admitted is recorded from here on.
        """
        with self.transaction() as database:
            _pending(update_id, phase).on_conflict_ignore().execute(database)
            _where(PhaseRecord, changes, (PhaseRecord.owner == update_id) & (PhaseRecord.name == phase), database)

    def add_event(self, update_id: int, kind: EventKind, phase: Phase, at: datetime, data: EventData) -> None:
        """One more event; its document begins with the instant and the phase."""
        document = {"at": at.isoformat(), "phase": phase.value, **data}
        with self.transaction() as database:
            level = data.get("level")
            Event.insert(owner=update_id, at=at, kind=kind, phase=phase, level=level, data=document).execute(database)

    def set_version(self, update_id: int, product: str, version: str) -> None:
        """What the archive proved to hold."""
        self._change(update_id, product=product, to_version=version)

    def set_failure(self, update_id: int, phase: Phase, failure: str | None) -> None:
        """From here on the update goes backwards; no failure means that it was cancelled."""
        self._change(update_id, failed_phase=phase, failure=failure, attempts=0)

    def set_failure_words(self, update_id: int, failure: str) -> None:
        """What the administrator reads of a failure that was recorded before."""
        self._change(update_id, failure=failure)

    def set_attempts(self, update_id: int, attempts: int) -> None:
        """How often a crash of this update was recovered from, in the direction that it has now."""
        self._change(update_id, attempts=attempts)

    def finish(self, update_id: int, status: UpdateStatus, now: datetime) -> None:
        """The update's final status; what it waited to be validated is counted."""
        with self.transaction() as database:
            validate = (PhaseRecord.owner == update_id) & (PhaseRecord.name == Phase.VALIDATE)
            waited = sum(
                span(row.started_at, row.ended_at) for row in PhaseRecord.select().where(validate).execute(database)
            )
            self._change(update_id, status=status, ended_at=now, validation_seconds=waited)

    def resume(self, update_id: int) -> None:
        """An update that stopped for an intervention runs again, its attempts counted anew.

        One that had passed the point of no return has no failure any more: it goes on forward.
        """
        self._change(update_id, status=UpdateStatus.RUNNING, ended_at=None, attempts=0)
        with self.transaction() as database:
            condition = (Update.id == update_id) & (Update.failed_phase == Phase.REOPEN)
            _where(Update, {"failed_phase": None, "failure": None}, condition, database)

    # --- never twice ------------------------------------------------------------------------------------------

    def lock_version(self, product: str, version: str, update_id: int, now: datetime) -> None:
        """That version of that product failed in that update; one that is locked stays so, for its first failure."""
        with self.transaction() as database:
            if self.locked_by(product, version) is None:
                VersionLock.insert(
                    product=product,
                    version=version,
                    owner=update_id,
                    locked_at=now,
                    nonce=secrets.token_hex(NONCE_BYTES),
                ).execute(database)

    def locks(self) -> list[StoredLock]:
        """Every lock that ever was, the newest first."""
        with self.transaction() as database:
            rows = list(VersionLock.select().order_by(VersionLock.id.desc()).dicts().execute(database))
        return [
            StoredLock(
                id=row["id"],
                product=row["product"],
                version=row["version"],
                update_id=row["owner"],
                nonce=row["nonce"],
                released=row["released_at"] is not None,
            )
            for row in rows
        ]

    def release_lock(self, lock_id: int, by: str, now: datetime) -> None:
        """That lock holds no more, thanks to that person."""
        with self.transaction() as database:
            _where(VersionLock, {"released_at": now, "released_by": by}, VersionLock.id == lock_id, database)

    def release_lock_of(self, update_id: int, by: str, now: datetime) -> None:
        """The lock of that update holds no more, where it has one."""
        for lock in self.locks():
            if lock.update_id == update_id and not lock.released:
                self.release_lock(lock.id, by, now)

    def locked_by(self, product: str, version: str) -> int | None:
        """The update whose failure locked that version, however it is spelt, if one did."""
        with self.transaction() as database:
            return locked_by(database, product, version)

    def _change(self, update_id: int, **changes: Any) -> None:
        with self.transaction() as database:
            _where(Update, changes, Update.id == update_id, database)

    def _first(self, condition: Any) -> int | None:
        with self.transaction() as database:
            rows = list(
                Update.select().where(condition).order_by(Update.start_at, Update.id).limit(1).execute(database)
            )
        return int(rows[0].id) if rows else None


def _where(model: type[EngineModel], changes: Mapping[str, object], condition: Any, database: Database) -> None:
    # Not `model.update()`, whose published type the type checker cannot follow.
    assignments = {getattr(model, name): value for name, value in changes.items()}
    ModelUpdate(model, assignments).where(condition).execute(database)


def _columns(hour: Hour | None) -> dict[str, datetime | None]:
    return {"switch_at": hour.switch_at, "wake_at": hour.wake_at} if hour else {"switch_at": None, "wake_at": None}


def _pending(update_id: int, phase: Phase) -> Any:
    """The insertion of a phase that was not begun."""
    position = tuple(Phase).index(phase) + 1
    return PhaseRecord.insert(owner=update_id, name=phase, position=position, status=PhaseStatus.PENDING, facts={})
