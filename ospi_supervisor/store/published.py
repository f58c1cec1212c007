"""What the worker knows and publishes for the pages, whose account cannot look for itself."""

from datetime import datetime

from ospi_supervisor.store.engine_models import Published
from ospi_supervisor.store.engine_store import EngineStore
from ospi_supervisor.store.topics import Document, Topic


class PublishedStore:
    """The table `Published` of `engine.db`. Raises StateError as `EngineStore`."""

    def __init__(self, engine: EngineStore) -> None:
        self._engine = engine

    def publish(self, topic: Topic[Document], document: Document, now: datetime) -> None:
        """Replace what is published of `topic`."""
        row = {"name": topic.name, "at": now, "document": topic.encode(document)}
        with self._engine.transaction() as database:
            Published.insert(**row).on_conflict_replace().execute(database)
