"""The engine: runs what is to be run, one update at a time (engine rules 4 to 6)."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from ospi_supervisor import __version__
from ospi_supervisor.config.paths import StatePaths
from ospi_supervisor.domain.acceptance import check_nothing_waits
from ospi_supervisor.domain.hour import HourRules
from ospi_supervisor.domain.lifecycle import Phase, UpdateStatus
from ospi_supervisor.domain.manifest import OWN_PRODUCT
from ospi_supervisor.engine.record import Record
from ospi_supervisor.engine.recovery import recover
from ospi_supervisor.engine.reserve import Reserve
from ospi_supervisor.engine.run import UpdateRun
from ospi_supervisor.engine.runner import Runner
from ospi_supervisor.engine.turn import Turn
from ospi_supervisor.engine.waiting import Waiting
from ospi_supervisor.errors import BusyError, SupervisorError
from ospi_supervisor.phases.base import Registry, UpdateRequest
from ospi_supervisor.store.engine_rows import StoredUpdate
from ospi_supervisor.store.engine_store import EngineStore
from ospi_supervisor.system.lock import update_lock

logger = logging.getLogger(__name__)

RETRY_PAUSE_SECONDS = 5.0


@dataclass
class Engine:
    """Runs updates in the calling thread. `stopping` says whether the worker was asked to stop."""

    store: EngineStore
    registry: Registry
    paths: StatePaths
    clock: Callable[[], datetime]
    installed_version: Callable[[], str]
    stopping: Callable[[], bool]
    retry_pause: float = RETRY_PAUSE_SECONDS
    hours: HourRules = field(default_factory=HourRules)
    turn: Turn = field(default_factory=Turn)
    own: Registry | None = None
    """The phases of an update of this very program; None where it cannot be updated so."""

    def run_due(self) -> None:
        """Work on what is to be worked on, until nothing is left; return at once where another thread is at it.

        An update that is `running` while nobody holds the lock was left so by a crash or a stop: it is taken up.
        """
        # Asked again after each release of the lock: somebody may have found it taken a moment before.
        while not self.stopping() and self._next() is not None:
            try:
                with update_lock(self.paths.update_lock):
                    update_id = self._next()
                    if update_id is not None:
                        self._run(update_id)
            except BusyError:
                return

    def _next(self) -> int | None:
        return self.store.next_update(self.clock())

    def _run(self, update_id: int) -> None:
        update = self.store.load(update_id)
        if update is None:
            return
        record = Record(self.store, Reserve(self.paths.reserve), update, self.clock)
        with self.turn.held(record, cancelled=update.cancel_requested), self.registry.around():
            self._work_on(update)

    def _work_on(self, update: StoredUpdate) -> None:
        if update.status is UpdateStatus.RUNNING:
            runner = self._runner(update)
            recover(runner)
            self._write_out(runner.record)
        elif update.status is UpdateStatus.PREPARED:
            self.store.take_up(update.id, self.clock())
            runner = self._runner(update)
            runner.forward(Phase.VERIFY)
            self._write_out(runner.record)
        else:
            self._begin(update)

    def _begin(self, update: StoredUpdate) -> None:
        refusal: SupervisorError | None = None
        version, now = update.from_version, self.clock()
        try:
            # It may have been scheduled before an intervention became necessary.
            check_nothing_waits(self.store.awaiting_intervention())
            if update.start_at is not None:
                self.hours.check(now)  # the calendar was changed since, or the worker was down
            version = __version__ if update.product == OWN_PRODUCT else self.installed_version()
        except SupervisorError as error:
            refusal = error
        if not self.store.begin(update.id, version, now):
            return
        runner = self._runner(replace(update, from_version=version, started_at=now))
        if refusal is None:
            runner.forward(Phase.VERIFY)
        else:
            runner.turn_back(Phase.VERIFY, refusal)
        self._write_out(runner.record)

    def _runner(self, update: StoredUpdate) -> Runner:
        reserve = Reserve(self.paths.reserve)
        try:
            reserve.hold()
        except OSError as error:
            logger.warning("no room for the reserve: %s", error)
        record = Record(self.store, reserve, update, self.clock)
        request = UpdateRequest(
            id=update.id,
            archive=update.archive,
            source=update.source,
            requested_by=update.requested_by,
            from_version=update.from_version,
            started_at=update.started_at or self.clock(),
            validates=update.validates,
        )
        run = UpdateRun(record, request, self.paths.logs_dir / f"update-{update.id}.log", self.stopping)
        waiting = Waiting(record, run, self.store, self.hours, self.clock)
        registry = self.own if self.own is not None and update.product == OWN_PRODUCT else self.registry
        return Runner(record, run, registry, self.store, self.retry_pause, waiting)

    def _write_out(self, record: Record) -> None:
        """Wait until the disk took everything: nothing else is begun before, and a stop of the worker loses
        nothing that recovery would not find again."""
        while not record.flush() and not self.stopping():
            time.sleep(self.retry_pause)
