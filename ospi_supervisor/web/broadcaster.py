"""One thread watches the worker's database and feeds every open event stream.

A stream reads nothing itself: it waits for what this thread hands it. Each follows from a number of its own, and
streams that stand at the same number share one query, so three hundred open tabs cost what one costs.
"""

import json
import logging
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from threading import Condition, Event, Lock, Thread
from time import monotonic

from ospi_supervisor.domain.events import EventKind
from ospi_supervisor.errors import StateError
from ospi_supervisor.store.engine_reader import EngineReader, EventDoc
from ospi_supervisor.web.labels import clock

MAX_STREAMS = 200
HEARTBEAT_SECONDS = 10.0
HEARTBEAT = "event: beat\ndata: {}\n\n"
"""Nothing happened, and the line lives: a comment would do for proxies, but a page's script sees events only."""
RETRY_MILLISECONDS = 2000
_WATCH_SECONDS = 0.15
_BATCH = 500
_PENDING_MAX = 2 * _BATCH
_LOOK_UP_SECONDS = 1.0

logger = logging.getLogger(__name__)


@dataclass(eq=False)
class Subscription:
    """One stream: the update that it follows, and the number of the last event that was handed to it."""

    update_id: int
    after: int
    pending: list[str] = field(default_factory=list)
    ended: bool = False
    changed: Condition = field(default_factory=Condition)

    def give(self, events: list[EventDoc], texts: list[str]) -> None:
        """Hand over what happened next, and its text, which is the same for all."""
        with self.changed:
            self.pending += texts
            self.after = events[-1].id
            self.ended = self.ended or any(event.kind == EventKind.END for event in events)
            self.changed.notify()

    def take(self, seconds: float) -> str:
        """What was handed over, after waiting for it `seconds` at most."""
        with self.changed:
            if not self.pending and not self.ended:
                self.changed.wait(seconds)
            taken, self.pending = "".join(self.pending), []
            return taken

    def end(self) -> None:
        """Let the stream end once it has sent what it has."""
        with self.changed:
            self.ended = True
            self.changed.notify()


def document(event: EventDoc) -> dict[str, object]:
    """What clients read of the event; its time of day is the server's, as in its pages, wherever the reader is."""
    return {"clock": clock(event.data["at"]), **event.data}


def encode(event: EventDoc) -> str:
    """The event as a message of the stream (HTML standard, « Server-sent events »)."""
    data = json.dumps(document(event), ensure_ascii=False, separators=(",", ":"))
    return f"id: {event.id}\nevent: {event.kind}\ndata: {data}\n\n"


class Broadcaster:
    """The broadcaster. Its thread starts with the first stream."""

    def __init__(self, source: EngineReader, max_streams: int = MAX_STREAMS) -> None:
        self._source = source
        self._max_streams = max_streams
        self._subscriptions: set[Subscription] = set()
        self._lock = Lock()
        self._wake = Event()
        self._thread: Thread | None = None
        self._stopping = False

    @property
    def streams(self) -> int:
        """How many streams are open."""
        return len(self._subscriptions)

    def subscribe(self, update_id: int, after: int) -> Subscription | None:
        """A stream of what follows event `after`; None when no more streams can be served (poll instead)."""
        subscription = Subscription(update_id, after)
        with self._lock:
            if self._stopping or len(self._subscriptions) >= self._max_streams:
                return None
            self._subscriptions.add(subscription)
            if self._thread is None:
                self._thread = Thread(target=self._watch, name="event-broadcaster", daemon=True)
                self._thread.start()
        self._wake.set()
        return subscription

    def stream(self, subscription: Subscription, is_over: Callable[[], bool]) -> Iterator[str]:
        """The stream's text, until its `end` event, or until `is_over` (asked each second) or the process stops."""
        try:
            yield f"retry: {RETRY_MILLISECONDS}\n\n"
            last = monotonic()
            while not is_over():
                text = subscription.take(_LOOK_UP_SECONDS)
                if not text and monotonic() - last >= HEARTBEAT_SECONDS:
                    text = HEARTBEAT
                if text:
                    yield text
                    last = monotonic()
                elif subscription.ended:
                    return
        finally:
            self.leave(subscription)

    def leave(self, subscription: Subscription) -> None:
        """Nobody reads that stream any more."""
        with self._lock:
            self._subscriptions.discard(subscription)

    def stop(self) -> None:
        """End every stream, and the thread."""
        self._stopping = True
        self._wake.set()
        with self._lock:
            for subscription in self._subscriptions:
                subscription.end()

    def _watch(self) -> None:
        seen: object = None
        while not self._stopping:
            woken = self._wake.wait(_WATCH_SECONDS if self._subscriptions else None)
            self._wake.clear()
            try:
                version = self._source.data_version()
                if woken or version != seen:
                    seen = version if self._feed() else None
            except (StateError, OSError) as error:
                logger.warning("events cannot be read, trying again: %s", error)
            except Exception:  # whatever it is: this one thread serves every stream, and nothing would start it anew
                logger.exception("events cannot be read, trying again")

    def _feed(self) -> bool:
        """Hand to each stream all that it has not seen and has room for; False where one had no room."""
        while True:
            all_have_room = True
            groups: dict[tuple[int, int], list[Subscription]] = defaultdict(list)
            with self._lock:
                for subscription in self._subscriptions:
                    if subscription.ended:
                        continue
                    if len(subscription.pending) < _PENDING_MAX:
                        groups[subscription.update_id, subscription.after].append(subscription)
                    else:
                        all_have_room = False
            full = False
            for (update_id, after), group in groups.items():
                events = self._source.events(update_id, after, _BATCH)
                full = full or len(events) == _BATCH
                texts = [encode(event) for event in events]
                for subscription in group if events else ():
                    subscription.give(events, texts)
            if self._stopping or not full:
                return all_have_room
