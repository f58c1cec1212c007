"""What the worker knows and publishes for the pages, whose account cannot look for itself."""

from datetime import datetime
from typing import Any

from ospi_supervisor.store.engine_models import Published
from ospi_supervisor.store.engine_store import EngineStore

DATA_WEIGHT = "data_weight"
"""The name under which a `DataWeight` is published: the web account need not be able to read the data."""


class PublishedStore:
    """The table `Published` of `engine.db`. Raises StateError as `EngineStore`."""

    def __init__(self, engine: EngineStore) -> None:
        self._engine = engine

    def publish(self, name: str, document: dict[str, Any], now: datetime) -> None:
        """Replace what is published under `name`."""
        with self._engine.transaction() as database:
            Published.insert(name=name, at=now, document=document).on_conflict_replace().execute(database)
