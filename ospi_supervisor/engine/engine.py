"""The engine: runs what is to be run, one update at a time (engine rules 4 to 6)."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from ospi_supervisor.domain.acceptance import check_nothing_waits
from ospi_supervisor.domain.lifecycle import Phase, UpdateStatus
from ospi_supervisor.engine.course import Course
from ospi_supervisor.engine.lock import update_lock
from ospi_supervisor.engine.record import Record
from ospi_supervisor.engine.recovery import recover
from ospi_supervisor.engine.reserve import Reserve
from ospi_supervisor.engine.run import UpdateRun
from ospi_supervisor.errors import BusyError, SupervisorError
from ospi_supervisor.phases.base import Registry, UpdateRequest
from ospi_supervisor.state_paths import StatePaths
from ospi_supervisor.store.engine_rows import StoredUpdate
from ospi_supervisor.store.engine_store import EngineStore

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
                        with self.registry.around():
                            self._run(update_id)
            except BusyError:
                return

    def _next(self) -> int | None:
        return self.store.next_update(self.clock())

    def _run(self, update_id: int) -> None:
        update = self.store.load(update_id)
        if update is None:
            return
        if update.status is UpdateStatus.RUNNING:
            course = self._course(update)
            recover(course)
            self._write_out(course.record)
        else:
            self._begin(update)

    def _begin(self, update: StoredUpdate) -> None:
        refusal: SupervisorError | None = None
        version, now = update.from_version, self.clock()
        try:
            # It may have been scheduled before an intervention became necessary.
            check_nothing_waits(self.store.awaiting_intervention())
            version = self.installed_version()
        except SupervisorError as error:
            refusal = error
        if not self.store.begin(update.id, version, now):
            return
        course = self._course(replace(update, from_version=version, started_at=now))
        if refusal is None:
            course.forward(Phase.VERIFY)
        else:
            course.turn_back(Phase.VERIFY, refusal)
        self._write_out(course.record)

    def _course(self, update: StoredUpdate) -> Course:
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
        )
        run = UpdateRun(record, request, self.paths.logs_dir / f"update-{update.id}.log", self.stopping)
        return Course(record, run, self.registry, self.store, self.retry_pause)

    def _write_out(self, record: Record) -> None:
        """Wait until the disk took everything: nothing else is begun before, and a stop of the worker loses
        nothing that recovery would not find again."""
        while not record.flush() and not self.stopping():
            time.sleep(self.retry_pause)
