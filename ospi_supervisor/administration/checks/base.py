"""What a check is: a function that looks at one thing and yields what it found, each with what to do about it."""

from collections.abc import Callable, Iterator
from contextlib import closing

from ospi_supervisor.config.tables import Config
from ospi_supervisor.deployment.adapters import Adapters
from ospi_supervisor.domain.findings import Grade
from ospi_supervisor.store.database import sqlite_url
from ospi_supervisor.store.engine_reader import EngineReader
from ospi_supervisor.store.topics import Document, Topic

Findings = Iterator[tuple[Grade, str]]
Check = Callable[[Config, Adapters], Findings]


def published(config: Config, topic: Topic[Document]) -> Document | None:
    """What the worker published of `topic`; None before it did, or before it ever ran."""
    if not config.paths.engine_db.exists():
        return None
    with closing(EngineReader(sqlite_url(config.paths.engine_db))) as reader:
        found = reader.published(topic)
    return found[1] if found else None
