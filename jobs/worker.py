"""The worker process: it alone acts on the platform."""

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path

from huey.consumer import Consumer

from ospi_supervisor.errors import StateError
from ospi_supervisor.jobs.queue import Queue
from ospi_supervisor.store.engine_store import EngineStore
from ospi_supervisor.store.web_rows import RequestRow
from ospi_supervisor.store.web_store import WebStore

logger = logging.getLogger(__name__)

BEAT_SECONDS = 5.0
TICK_SECONDS = 60.0


@dataclass
class Worker:
    """The worker's parts, put together in `bootstrap`.

    `judge` answers a request, `run_due` works on what is to be worked on; `update_itself`, which says when the night's
    automatic update is due, `keep_house` and `report_ends`, which tells how updates ended, run each minute;
    `only_one` is a lock that a second worker fails to take (BusyError).
    The requests' database and the queue are files of another account: where they cannot be opened, what is to be
    worked on goes on without them.
    """

    queue_path: Path
    store: EngineStore
    open_web: Callable[[], WebStore]
    judge: Callable[[RequestRow], None]
    run_due: Callable[[], None]
    update_itself: Callable[[], None]
    keep_house: Callable[[], None]
    report_ends: Callable[[], None]
    only_one: AbstractContextManager[None]
    clock: Callable[[], datetime]
    _web: WebStore | None = None
    _opening: threading.Lock = field(default_factory=threading.Lock)
    _consumer: Consumer | None = None
    _stopped: threading.Event = field(default_factory=threading.Event)

    @property
    def web(self) -> WebStore:
        """The requests; StateError or OSError where they cannot be opened."""
        with self._opening:
            if self._web is None:
                self._web = self.open_web()
            return self._web

    def is_stopping(self) -> bool:
        """Whether the process was asked to stop (SIGTERM)."""
        return self._stopped.is_set() or (self._consumer is not None and bool(self._consumer.stop_flag.is_set()))

    def run(self) -> None:
        """Work until SIGTERM: then phases 1 to 4 stop soon, later ones are finished first.

        BusyError where a worker is at it already.
        """
        with self.only_one:
            heart_stops = threading.Event()
            heart = threading.Thread(target=self._beat_until, args=[heart_stops], name="heart")
            heart.start()
            try:
                self._work()
            finally:
                heart_stops.set()
                heart.join()

    def handle(self, request_id: int) -> None:
        """The bell rang for that request."""
        request = self.web.request(request_id)
        if request is not None:
            self.judge(request)
            self.run_due()

    def tick(self) -> None:
        """Each minute: what the bell did not tell, what is due now, housekeeping, and what there is to tell of it."""
        self._apart("reading the requests", self._judge_requests)
        self._apart("the automatic update", self.update_itself)
        self._apart("what is due", self.run_due)
        self._apart("housekeeping", self.keep_house)
        self._apart("the report of an end", self.report_ends)

    def _judge_requests(self) -> None:
        answered = self.store.answered()
        for request in self.web.requests_after(0):
            if request.id not in answered:
                self._apart(f"request {request.id}", partial(self.judge, request))

    def _apart(self, what: str, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception:
            logger.exception("%s failed; it does not keep the others waiting", what)

    def _work(self) -> None:
        signal.signal(signal.SIGTERM, lambda *_: self._stop())  # until the consumer sets its own
        # Not through the queue: what a crash left is taken up even where the queue cannot be written, nor even opened.
        recovery = threading.Thread(target=self._take_up, name="recovery")
        recovery.start()
        self._consumer = self._open_queue()
        if self._consumer is not None and not self._stopped.is_set():
            self._consumer.run()
        recovery.join()

    def _open_queue(self) -> Consumer | None:
        """What works the queue off, as soon as it can be opened; None where SIGTERM came first."""
        while not self._stopped.is_set():
            try:
                return Queue(self.queue_path, self.handle, self.tick).consumer()
            except (StateError, OSError):
                logger.exception("the queue %s cannot be opened; working without it", self.queue_path)
                self.tick()
                self._stopped.wait(TICK_SECONDS)
        return None

    def _stop(self) -> None:
        self._stopped.set()
        if self._consumer is not None:
            self._consumer.stop_flag.set()

    def _take_up(self) -> None:
        try:
            self.run_due()
        except Exception:
            logger.exception("what was left running could not be taken up; the next minute tries again")

    def _beat_until(self, stops: threading.Event) -> None:
        while True:
            try:
                self.store.beat(self.clock(), os.getpid())
            except StateError as error:
                logger.error("%s", error)
            if stops.wait(BEAT_SECONDS):
                return


def log_to_stdout() -> None:
    """The worker's own log, where systemd's journal collects it."""
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
