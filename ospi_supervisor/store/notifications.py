"""Which ends of updates were told: each is handed out once, whatever becomes of it then."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from peewee import Database

from ospi_supervisor.domain.events import EventKind, Level
from ospi_supervisor.domain.lifecycle import Phase, UpdateStatus
from ospi_supervisor.store.engine_models import Event, Published
from ospi_supervisor.store.engine_store import EngineStore

TOLD = "ends_told"


@dataclass(frozen=True)
class End:
    """An update ended, in that status. One that is taken up again ends once more; one that is prepared, and whose hour
    was missed, asks for another as if it had; one that is `running` has come to its validation, or left it."""

    update_id: int
    status: UpdateStatus


class NotificationStore:
    """The number of the last event that was looked at, in `engine.db`. Raises StateError as `EngineStore`.

    Where there is no such number yet, the ends before this object was made count as told.
    """

    def __init__(self, engine: EngineStore) -> None:
        self._engine = engine
        with engine.transaction() as database:
            self._first = _newest(database)

    def claim(self, now: datetime) -> End | None:
        """The earliest end that was not told, recorded as told before this returns; None where there is none."""
        with self._engine.transaction() as database:
            recorded = self._recorded(database)
            told = self._first if recorded is None else recorded
            missed = (Event.kind == EventKind.HOUR) & (Event.level == Level.WARNING)
            validation = (Event.kind == EventKind.PHASE) & (Event.phase == Phase.VALIDATE)
            news = (Event.id > told) & ((Event.kind == EventKind.END) | missed | validation)
            unseen = Event.select().where(news).order_by(Event.id).limit(1)
            end = next(iter(unseen.dicts().execute(database)), None)
            seen = _newest(database) if end is None else end["id"]
            if seen != recorded:  # without an end, too: the next look has less to go through
                row = Published.insert(name=TOLD, at=now, document={"event": seen})
                row.on_conflict_replace().execute(database)
        return None if end is None else End(end["owner"], _status(end))

    def _recorded(self, database: Database) -> int | None:
        rows = list(Published.select().where(Published.name == TOLD).dicts().execute(database))
        return int(rows[0]["document"]["event"]) if rows else None


def _status(event: Any) -> UpdateStatus:
    if event["kind"] == EventKind.PHASE:
        return UpdateStatus.RUNNING
    return UpdateStatus(event["data"].get("status", UpdateStatus.PREPARED))


def _newest(database: Database) -> int:
    rows = list(Event.select(Event.id).order_by(Event.id.desc()).limit(1).execute(database))
    return int(rows[0].id) if rows else 0
