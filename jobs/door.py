"""The worker's side of the door: requests of the web account's, told by a hand of that account and believed no further
than that they are requests."""

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import msgspec

from ospi_supervisor.hands.accounts import owner_of
from ospi_supervisor.hands.conversation import Hand, hand
from ospi_supervisor.hands.sandbox import View, program_with_libraries
from ospi_supervisor.store.web_rows import RequestRow

logger = logging.getLogger(__name__)

LISTEN_SECONDS = 30.0
STOPS_WITHIN_SECONDS = 1.0
"""How soon whoever listens sees that the worker is to stop."""
PATIENCE_SECONDS = 20.0
MOST_REQUESTS = 500
"""How many are read at a time: the next minute reads on."""

_Word = Annotated[str, msgspec.Meta(max_length=1000)]


class _Told(NamedTuple):
    """What a line must be to be a request."""

    id: Annotated[int, msgspec.Meta(ge=1)]
    kind: _Word
    payload: dict[str, Any]
    source: _Word
    requested_by: _Word
    requested_at: Annotated[datetime, msgspec.Meta(tz=True)]


@dataclass(frozen=True)
class Door:
    """Requests in `web_db`, and the bell at `queue_db`: both lie in folders of the web account's.

    Everything raises BackupError or OSError where that account's files cannot be read, or its hand takes
    too long: what is to be worked on goes on without.
    """

    queue_db: Path
    web_db: Path

    def requests_after(self, number: int) -> list[RequestRow]:
        """The next requests made after that one, in their order."""
        with self._keeper() as keeper:
            return list(_rows(keeper.ask("after", _nothing, PATIENCE_SECONDS, number=number, most=MOST_REQUESTS)))

    def listen(self, tick: Callable[[], None]) -> Iterator[RequestRow]:
        """Each request for which the bell rings, for ever; `tick` is called all along and may raise."""
        with self._keeper() as keeper:
            while True:
                rung = keeper.ask("rung", tick, PATIENCE_SECONDS, every=STOPS_WITHIN_SECONDS, seconds=LISTEN_SECONDS)
                yield from _rows(rung)

    @contextmanager
    def _keeper(self) -> Iterator[Hand]:
        self.queue_db.parent.mkdir(mode=0o770, parents=True, exist_ok=True)
        self.web_db.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        owner = owner_of(self.web_db.parent)
        command = program_with_libraries("jobs.doorkeeper", str(self.queue_db), str(self.web_db), *owner.words)
        folders = (self.queue_db.parent, self.web_db.parent)
        with hand(command, View(folders=folders, capabilities=owner.capabilities, libraries=True)) as keeper:
            yield keeper


def _rows(told: Iterable[object]) -> Iterator[RequestRow]:
    """Those that are requests: what else the web account's table holds keeps none of them waiting."""
    for value in told:
        try:
            yield RequestRow(**msgspec.convert(value, _Told)._asdict())
        except msgspec.ValidationError as error:
            logger.warning("what web.db holds among its requests is none: %s", error)


def _nothing() -> None:
    """The worker looks at nothing else meanwhile."""
