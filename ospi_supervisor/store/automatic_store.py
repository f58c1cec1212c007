"""What the worker records of the automatic update, and the settings in force."""

import secrets
from datetime import datetime
from typing import Any

from peewee import ModelUpdate

from ospi_supervisor.store.engine_models import Automatic, SettingInForce
from ospi_supervisor.store.engine_reader import AutomaticRow, automatic_row
from ospi_supervisor.store.engine_store import EngineStore


class AutomaticStore:
    """The tables `Automatic` and `SettingInForce` of `engine.db`. Every method raises StateError as `EngineStore`."""

    def __init__(self, engine: EngineStore) -> None:
        self._engine = engine

    def state(self) -> AutomaticRow:
        """What is recorded; this server's identifier is drawn at the first call."""
        with self._engine.transaction() as database:
            first = Automatic.insert(id=1, server_id=secrets.token_hex(16))
            first.on_conflict_ignore().execute(database)
            return automatic_row(next(iter(Automatic.select().dicts().execute(database))))

    def note(self, **changes: Any) -> None:
        """Record `last_night`, `last_check`, `last_run` or `activity`."""
        # Not `model.update()`, whose published type the type checker cannot follow.
        assignments = {getattr(Automatic, name): value for name, value in changes.items()}
        with self._engine.transaction() as database:
            self.state()
            ModelUpdate(Automatic, assignments).execute(database)

    def setting(self, name: str) -> str | None:
        """The value in force of a setting that was changed once."""
        query = SettingInForce.select().where(SettingInForce.name == name)
        with self._engine.transaction() as database:
            values = [str(row.value) for row in query.execute(database)]
        return values[0] if values else None

    def settings_under(self, prefix: str) -> dict[str, tuple[str, str]]:
        """Value, and who changed it, of each setting in force whose name begins with `prefix`."""
        query = SettingInForce.select().where(SettingInForce.name.startswith(prefix))
        with self._engine.transaction() as database:
            return {str(row.name): (str(row.value), str(row.changed_by)) for row in query.execute(database)}

    def change_setting(self, name: str, value: str, by: str, now: datetime) -> None:
        """Put a value in force."""
        with self._engine.transaction() as database:
            change = SettingInForce.insert(name=name, value=value, changed_at=now, changed_by=by)
            change.on_conflict_replace().execute(database)
