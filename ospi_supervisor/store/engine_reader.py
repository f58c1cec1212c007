"""`engine.db` as everybody but the worker sees it: read-only, in plain values."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from peewee import Database, fn

from ospi_supervisor.domain.events import EventData, EventKind
from ospi_supervisor.domain.lifecycle import UNDER_WAY, Phase, PhaseStatus, UpdateStatus
from ospi_supervisor.domain.manifest import OWN_PRODUCT
from ospi_supervisor.domain.rehearsal import Verdict, expected_seconds, verdict_of
from ospi_supervisor.domain.versions import is_same
from ospi_supervisor.store import engine_documents as documents
from ospi_supervisor.store.automatic_documents import ActivityDocument, CheckDocument, RunDocument
from ospi_supervisor.store.database import ReadOnlyDatabase
from ospi_supervisor.store.engine_documents import Lock, Row, UpdateDocument, UpdateSummary
from ospi_supervisor.store.engine_models import (
    ENGINE_FORMAT,
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
from ospi_supervisor.store.searches import UpdateSearch
from ospi_supervisor.store.topics import Document, Topic

NO_SEARCH = UpdateSearch()
ALIVE_SECONDS = 15
"""A worker that gave no sign of life for longer is down."""

USUAL_OF = 50
"""Out of how many past updates the usual duration is taken: what a server does changes, and pages stay as quick."""

PAGE = 500
"""How many updates `every_update` holds at a time."""


@dataclass(frozen=True)
class EventDoc:
    """One event: its number, its kind (phase, progress, log, end) and its JSON document."""

    id: int
    kind: EventKind
    data: EventData


@dataclass(frozen=True, kw_only=True)
class AutomaticRow:
    """What is recorded of the automatic update; the fields are those of the model `Automatic`."""

    server_id: str
    last_night: date | None
    last_check: CheckDocument | None
    last_run: RunDocument | None
    activity: ActivityDocument | None


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
        self._database = ReadOnlyDatabase(url, ENGINE_FORMAT)

    def worker_alive(self, now: datetime) -> bool:
        """Whether the worker gave a sign of life within the last `ALIVE_SECONDS`."""
        rows = self._rows(Heartbeat.select())
        # A sign from the future is no better than an old one: the clock was set back.
        return bool(rows) and abs(now - rows[0]["at"]) < timedelta(seconds=ALIVE_SECONDS)

    def active_update(self) -> int | None:
        """The update that holds the turn, if one does: queued, running or prepared."""
        rows = self._rows(Update.select(Update.id).where(Update.status.in_(UNDER_WAY)))
        return int(rows[0]["id"]) if rows else None

    def running_update(self) -> int | None:
        """The update that began and has not ended, if there is one."""
        rows = self._rows(Update.select(Update.id).where(Update.status == UpdateStatus.RUNNING))
        return int(rows[0]["id"]) if rows else None

    def prepared_update(self) -> int | None:
        """The update that is prepared, and waits for its hour."""
        rows = self._rows(Update.select(Update.id).where(Update.status == UpdateStatus.PREPARED))
        return int(rows[0]["id"]) if rows else None

    def planned_update(self) -> UpdateDocument | None:
        """The update that waits for the earliest hour to come; None where none is planned."""
        planned = Update.select(Update.id).where(Update.status == UpdateStatus.SCHEDULED)
        rows = self._rows(planned.order_by(Update.start_at, Update.id).limit(1))
        return self.update(rows[0]["id"]) if rows else None

    def updates(self, limit: int, before: int | None = None, search: UpdateSearch = NO_SEARCH) -> list[UpdateSummary]:
        """The updates before number `before`, or the newest, the newest first, `limit` of them at most."""
        query = Update.select().order_by(Update.id.desc()).limit(limit)
        conditions = search.conditions() if before is None else [*search.conditions(), Update.id < before]
        if conditions:
            query = query.where(*conditions)
        return [documents.summary(row) for row in self._rows(query)]

    def every_update(self, search: UpdateSearch = NO_SEARCH) -> Iterator[UpdateSummary]:
        """All updates, the newest first, read little by little: one that comes in the meantime is not among them."""
        page = self.updates(PAGE, search=search)
        while page:
            yield from page
            page = self.updates(PAGE, page[-1]["id"], search)

    def succeeded(self, limit: int, to: str | None = None) -> list[UpdateSummary]:
        """The platform's updates that succeeded, to the version `to` or all, the newest first, `limit` at most."""
        conditions = [Update.status == UpdateStatus.SUCCEEDED, Update.product != OWN_PRODUCT]
        conditions += [] if to is None else [Update.to_version == to]
        query = Update.select().where(*conditions).order_by(Update.id.desc()).limit(limit)
        return [documents.summary(row) for row in self._rows(query)]

    def counts(self) -> dict[UpdateStatus, int]:
        """How many updates there are of each status."""
        found = self._rows(Update.select(Update.status, fn.COUNT(Update.id).alias("count")).group_by(Update.status))
        return dict.fromkeys(UpdateStatus, 0) | {UpdateStatus(row["status"]): row["count"] for row in found}

    def update(self, update_id: int) -> UpdateDocument | None:
        """One update with its phases; None where there is none."""

        def query(database: Database) -> UpdateDocument | None:
            rows = list(Update.select().where(Update.id == update_id).dicts().execute(database))
            if not rows:
                return None
            phases = PhaseRecord.select().where(PhaseRecord.owner == update_id)
            locks = VersionLock.select().where(VersionLock.owner == update_id).order_by(VersionLock.id.desc()).limit(1)
            # Not by their recorded positions: one that was added since stands where it stands today.
            in_order = sorted(phases.dicts().execute(database), key=lambda row: tuple(Phase).index(Phase(row["name"])))
            newest = list(locks.dicts().execute(database))
            return documents.document(rows[0], in_order, newest[0] if newest else None)

        return self._database.read(query)

    def events(self, update_id: int, after: int = 0, limit: int = 1000) -> list[EventDoc]:
        """The update's events that follow number `after`, in order, `limit` of them at most."""
        query = Event.select().where(Event.owner == update_id, Event.id > after).order_by(Event.id).limit(limit)
        return [_event(row) for row in self._rows(query)]

    def latest(self, update_id: int, limit: int, level: str | None = None) -> list[EventDoc]:
        """The update's newest events, in order, `limit` of them at most; with `level`, only its `log` of that one.

        Costs what it returns, however many others there are.
        """
        query = Event.select().where(Event.owner == update_id)
        if level is not None:
            query = query.where(Event.level == level)
        rows = self._rows(query.order_by(Event.id.desc()).limit(limit))
        return [_event(row) for row in reversed(rows)]

    def last_progress(self, update_id: int) -> EventData | None:
        """The document of the event that last said how far the phase at work is; None where it said nothing since it
        began."""
        query = Event.select(Event.kind, Event.data).where(Event.owner == update_id, Event.level.is_null())
        rows = self._rows(query.order_by(Event.id.desc()).limit(1))
        return rows[0]["data"] if rows and rows[0]["kind"] == EventKind.PROGRESS else None

    def last_event_id(self) -> int:
        """The number of the newest event of all; 0 before the first."""
        rows = self._rows(Event.select(Event.id).order_by(Event.id.desc()).limit(1))
        return int(rows[0]["id"]) if rows else 0

    def end_of(self, update_id: int) -> int:
        """The number of the update's last `end` event; 0 before it ended for the first time."""
        query = Event.select(Event.id).where(Event.owner == update_id, Event.kind == EventKind.END)
        rows = self._rows(query.order_by(Event.id.desc()).limit(1))
        return int(rows[0]["id"]) if rows else 0

    def data_version(self) -> object:
        """Something that differs from its former value whenever the database has changed."""
        return self._database.version()

    def answer(self, request_id: int) -> documents.Answer | None:
        """The worker's answer to a request; None before it has judged."""
        rows = self._rows(Answer.select().where(Answer.request_id == request_id))
        if not rows:
            return None
        [row] = rows
        return {"accepted": row["accepted"], "message": row["message"], "update_id": row["update_id"]}

    def published(self, topic: Topic[Document]) -> tuple[datetime, Document] | None:
        """What the worker published of `topic`, and when; None before it did."""
        rows = self._rows(Published.select().where(Published.name == topic.name))
        return (rows[0]["at"], topic.decode(rows[0]["document"])) if rows else None

    def locks(self) -> list[Lock]:
        """The versions that failed here and may not be started again."""
        rows = self._rows(VersionLock.select().where(VersionLock.released_at.is_null()).order_by(VersionLock.id))
        return [documents.lock(row) for row in rows]

    def locked_by(self, product: str, version: str) -> int | None:
        """The update whose failure locked that version, however it is spelt, if one did."""
        return self._database.read(lambda database: locked_by(database, product, version))

    def durations(self) -> Mapping[Phase, list[float]]:
        """How long each phase took in the last `USUAL_OF` updates that succeeded, in seconds."""
        last = Update.select(Update.id).where(Update.status == UpdateStatus.SUCCEEDED, Update.product != OWN_PRODUCT)
        last = last.order_by(Update.id.desc()).limit(USUAL_OF)
        query = PhaseRecord.select(PhaseRecord.name, PhaseRecord.started_at, PhaseRecord.ended_at)
        query = query.where(PhaseRecord.owner.in_(last), PhaseRecord.status == PhaseStatus.DONE)
        found: dict[Phase, list[float]] = {phase: [] for phase in Phase}
        for row in self._rows(query):
            found[Phase(row["name"])].append((row["ended_at"] - row["started_at"]).total_seconds())
        return found

    def expected(self, update_id: int | None) -> Mapping[Phase, float | None]:
        """What each phase of that update may take, in seconds: as it was rehearsed, else as usual; None: unknown."""
        return expected_seconds(self.durations(), self.rehearsal(update_id))

    def rehearsal(self, update_id: int | None) -> Verdict | None:
        """What the rehearsal of that update said; None where it had none (yet)."""
        query = PhaseRecord.select(PhaseRecord.facts).where(PhaseRecord.name == Phase.REHEARSE)
        rows = self._rows(query.where(PhaseRecord.owner == (update_id or 0)))
        return verdict_of(rows[0]["facts"]) if rows else None

    def phase_times(self, update_ids: Collection[int]) -> dict[int, dict[Phase, tuple[datetime, datetime]]]:
        """When the work of each phase began and ended in these updates, be it undone since."""
        query = PhaseRecord.select(PhaseRecord.owner, PhaseRecord.name, PhaseRecord.started_at, PhaseRecord.ended_at)
        worked = PhaseRecord.status.in_([PhaseStatus.DONE, PhaseStatus.UNDONE])
        found: dict[int, dict[Phase, tuple[datetime, datetime]]] = {number: {} for number in update_ids}
        for row in self._rows(query.where(PhaseRecord.owner.in_(list(update_ids)), worked)):
            if (begun := row["started_at"]) and (ended := row["ended_at"]):
                found[row["owner"]][Phase(row["name"])] = begun, ended
        return found

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

    def settings_under(self, prefix: str) -> dict[str, tuple[str, str]]:
        """Value, and who changed it, of each setting in force whose name begins with `prefix`."""
        rows = self._rows(SettingInForce.select().where(SettingInForce.name.startswith(prefix)))
        return {row["name"]: (row["value"], row["changed_by"]) for row in rows}

    def automatic(self) -> AutomaticRow | None:
        """What is known of the automatic update; None before the worker ran for the first time."""
        rows = self._rows(Automatic.select())
        return automatic_row(rows[0]) if rows else None

    def close(self) -> None:
        """Close the connection."""
        self._database.close()

    def _rows(self, query: Any) -> list[Row]:
        def run(database: Database) -> list[Row]:
            rows: Iterable[Row] = query.dicts().execute(database)
            return list(rows)

        return self._database.read(run)


def _event(row: Row) -> EventDoc:
    return EventDoc(row["id"], EventKind(row["kind"]), row["data"])


def locked_by(database: Database, product: str, version: str) -> int | None:
    """The update whose failure locked that version, however it is spelt; None where none did, or it was released."""
    held = VersionLock.select().where((VersionLock.product == product) & VersionLock.released_at.is_null())
    owners = [int(row["owner"]) for row in held.dicts().execute(database) if is_same(row["version"], version)]
    return owners[-1] if owners else None


def awaits_intervention() -> Any:
    """The condition that an update ended in an intervention and its version was not released since."""
    released = VersionLock.select(VersionLock.owner).where(VersionLock.released_at.is_null(False))
    return (Update.status == UpdateStatus.INTERVENTION) & Update.id.not_in(released)


def automatic_row(row: Row) -> AutomaticRow:
    """The row of the table `Automatic`, without its key."""
    return AutomaticRow(**{name: value for name, value in row.items() if name != "id"})
