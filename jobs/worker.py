"""The worker process: it alone acts on the platform."""

import logging
import os
import signal
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from huey.consumer import Consumer

from ospi_supervisor.errors import StateError, SupervisorError, WorkerStoppingError
from ospi_supervisor.jobs.door import Door
from ospi_supervisor.jobs.memory import Jobs
from ospi_supervisor.store.engine_store import EngineStore
from ospi_supervisor.store.web_rows import RequestRow
from ospi_supervisor.system.journal import Repeated
from ospi_supervisor.system.notify import READY, STOPPING, WATCHDOG, tell_systemd

logger = logging.getLogger(__name__)

BEAT_SECONDS = 5.0
TICK_SECONDS = 60.0


@dataclass
class Worker:
    """The worker's parts, put together in `bootstrap`.

    `answer` answers a request, `run_due` works on what is to be worked on; `update_itself`, which says when the night's
    automatic update is due, `keep_house` and `report_ends`, which tells how updates ended, run each minute;
    `only_one` is a lock that a second worker fails to take (BusyError).
    Behind `door` lie the requests' database and the queue, files of another account: where they cannot be opened, what
    is to be worked on goes on without them.
    """

    store: EngineStore
    door: Door
    answer: Callable[[RequestRow], None]
    run_due: Callable[[], None]
    update_itself: Callable[[], None]
    keep_house: Callable[[], None]
    report_ends: Callable[[], None]
    only_one: AbstractContextManager[None]
    clock: Callable[[], datetime]
    announce: Callable[[], None] = lambda: None
    """Called once this process is the worker."""
    sweep: Callable[[], None] = lambda: None
    """Removes what an earlier one left half written, before anything is begun."""
    _all_answered_to: int = 0
    """The number up to which every request has its answer: those are not read again each minute."""
    _consumer: Consumer | None = None
    _stopped: threading.Event = field(default_factory=threading.Event)
    _repeated: Repeated = field(default_factory=lambda: Repeated(logger))

    def is_stopping(self) -> bool:
        """Whether the process was asked to stop (SIGTERM)."""
        return self._stopped.is_set() or (self._consumer is not None and bool(self._consumer.stop_flag.is_set()))

    def run(self) -> None:
        """Work until SIGTERM or SIGHUP: then the phases before `maintenance` stop soon, later ones are finished.

        BusyError where a worker is at it already.
        """
        with self.only_one:
            self.announce()
            self._apart("sweeping", self.sweep)
            heart_stops = threading.Event()
            heart = threading.Thread(target=self._beat_until, args=[heart_stops], name="heart")
            heart.start()
            try:
                self._work()
            finally:
                heart_stops.set()
                heart.join()

    def handle(self, request: RequestRow) -> None:
        """The bell rang for that request."""
        self.answer(request)
        self.run_due()

    def tick(self) -> None:
        """Each minute: what the bell did not tell, what is due now, housekeeping, and what there is to tell of it."""
        self._apart("reading the requests", self._judge_requests)
        self._apart("the automatic update", self.update_itself)
        self._apart("what is due", self.run_due)
        self._apart("housekeeping", self.keep_house)
        self._apart("the report of an end", self.report_ends)

    def _judge_requests(self) -> None:
        answers_only = True
        answered = self.store.answered_after(self._all_answered_to)
        for request in self.door.requests_after(self._all_answered_to):
            if request.id not in answered:
                self._apart(f"request {request.id}", partial(self.answer, request))
                answers_only = False
            elif answers_only:
                self._all_answered_to = request.id

    def _apart(self, what: str, work: Callable[[], None]) -> None:
        """One failure does not keep the others waiting."""
        try:
            work()
        except Exception as error:  # noqa: BLE001 - told, and tried again
            self._repeated.failed(what, error)
        else:
            self._repeated.worked(what)

    def _work(self) -> None:
        for ending in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(ending, lambda *_: self._stop())  # until the consumer sets its own
        # Not through the queue: what a crash left is taken up even where the queue cannot be written, nor even opened.
        recovery = threading.Thread(target=self._take_up, name="recovery")
        recovery.start()
        jobs = Jobs(self.handle, self.tick)
        listener = threading.Thread(target=self._listen, args=[jobs], name="door")
        listener.start()
        self._consumer = jobs.consumer()
        if not self._stopped.is_set():
            tell_systemd(READY)
            self._consumer.run()
        self._stopped.set()
        listener.join()
        recovery.join()

    def _listen(self, jobs: Jobs) -> None:
        """Pass on what is rung for, until SIGTERM; what goes wrong at the door is tried anew a minute later."""
        while not self.is_stopping():
            try:
                for request in self.door.listen(self._check_not_stopping):
                    self._repeated.worked("listening for requests")
                    jobs.handle(request)
            except WorkerStoppingError:
                return
            except (SupervisorError, OSError) as error:
                self._repeated.failed("listening for requests", error)
                self._stopped.wait(TICK_SECONDS)

    def _check_not_stopping(self) -> None:
        if self.is_stopping():
            raise WorkerStoppingError

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
                self._repeated.failed("the sign of life", error)
            else:
                self._repeated.worked("the sign of life")
            tell_systemd(STOPPING if self.is_stopping() else WATCHDOG)
            if stops.wait(BEAT_SECONDS):
                tell_systemd(STOPPING)
                return
