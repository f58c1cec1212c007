"""What is recorded of the update under way: in memory at once, on disk as durably as the disk allows."""

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any

from ospi_supervisor.domain.events import EventData, EventKind, Level
from ospi_supervisor.domain.lifecycle import (
    Phase,
    PhaseStatus,
    UpdateStatus,
    ending_of,
    locks_version,
    phases_to_undo,
)
from ospi_supervisor.domain.schedule import is_late
from ospi_supervisor.domain.validation import Decision
from ospi_supervisor.engine.backlog import Backlog, Step
from ospi_supervisor.engine.reserve import Reserve
from ospi_supervisor.errors import StateError, printable
from ospi_supervisor.phases.base import Facts
from ospi_supervisor.store.engine_rows import StoredUpdate
from ospi_supervisor.store.engine_store import EngineStore

logger = logging.getLogger(__name__)

HOOK_FAILED = "hook_failed"
"""The fact of a phase in which one of the release's own programs failed."""
REFUSED = "refused"
"""The fact of a phase that found that the update must not go on: no failure."""
GIVEN_UP = "given_up"
"""The fact of a phase before which the update was cancelled though nobody asked: the words that say why."""

_LOG_LEVELS = {Level.INFO: logging.INFO, Level.WARNING: logging.WARNING, Level.ERROR: logging.ERROR}


class Record:
    """The record of one update.

    While the update goes forward and can still be undone, its phases' steps must be on disk before it goes on:
    StateError is raised where they cannot. Journal and progress, and everything once it goes back or is
    committed, are written as soon as they can be: undo never depends on recording its own progress.
    """

    def __init__(self, store: EngineStore, reserve: Reserve, update: StoredUpdate, clock: Callable[[], datetime]):
        self._store = store
        self._clock = clock
        self._backlog = Backlog(store, reserve)
        self.update_id = update.id
        self.product = update.product
        self.version = update.to_version
        self.failed_phase = update.failed_phase
        self.cancelled = update.failed_phase is not None and update.failure is None
        self.attempts = update.attempts
        self.planned_at = update.start_at
        self.validates = update.validates
        self.statuses = {phase: stored.status for phase, stored in update.phases.items()}
        self.started_at = {phase: stored.started_at for phase, stored in update.phases.items()}
        self.ended_at = {phase: stored.ended_at for phase, stored in update.phases.items()}
        self.facts: dict[Phase, Facts] = {phase: stored.facts for phase, stored in update.phases.items()}

    # --- what stands ------------------------------------------------------------------------------------------

    @property
    def standing(self) -> Phase:
        """The phase at work; else the furthest that was entered, be it left since, and not undone, or the first."""
        entered = self._standing()
        doing = [phase for phase in entered if self.statuses[phase] is PhaseStatus.DOING]
        return [Phase.VERIFY, *entered, *doing][-1]

    def to_undo(self) -> list[Phase]:
        """What is left to undo, in the order to do it in; the update has failed, perhaps in what was done again."""
        assert self.failed_phase is not None  # noqa: S101 - the caller's promise, for the type checker
        return self._standing()[::-1] if phases_to_undo(self.failed_phase) else []

    def _standing(self) -> list[Phase]:
        return [phase for phase in Phase if self._is_standing(phase)]

    def _is_standing(self, phase: Phase) -> bool:
        """Whether there may be something to undo; also in a phase left on purpose, as far as it had come."""
        done = self.facts[phase].keys() - {HOOK_FAILED, REFUSED, GIVEN_UP}  # how it ended leaves nothing to undo
        left = self.statuses[phase] is PhaseStatus.PENDING and bool(done)
        return left or self.statuses[phase] not in (PhaseStatus.PENDING, PhaseStatus.UNDONE)

    def cancel_requested(self) -> bool:
        """Whether an administrator asked for the update's end."""
        stored = self._store.load(self.update_id)
        return stored is not None and stored.cancel_requested

    def decision(self, otherwise: Decision | None = None) -> Decision | None:
        """What is decided of the validation; `otherwise` is, for good, where nothing was. A disk that refuses keeps
        nobody from following it."""
        try:
            return self._store.decide(self.update_id, otherwise)
        except StateError as error:
            logger.error("%s", error)
            return otherwise

    def is_late(self) -> bool:
        """Whether the hour it was planned for is too long past to take the platform from its users."""
        return is_late(self.planned_at, self._clock())

    # --- a phase's course -------------------------------------------------------------------------------------

    def enter(self, phase: Phase, unless: Step | None = None) -> None:
        """The phase is about to change things (engine rule 1: committed before it is called).

        `unless` is asked in the same transaction and may raise: what was decided before it is never overtaken.
        """
        now = self._clock()
        self._phase(phase, PhaseStatus.DOING, now, unless=unless, started_at=now, ended_at=None, percent=0.0)
        self.started_at[phase] = now

    def leave(self, phase: Phase) -> None:
        """The phase was interrupted on purpose and is to be done again; one that was not entered stays as it is."""
        if self.statuses[phase] is PhaseStatus.DOING:
            self._phase(phase, PhaseStatus.PENDING, self._clock(), started_at=None)

    def done(self, phase: Phase, facts: Facts) -> None:
        """The phase is done, with its facts and its journal entry in one transaction."""
        now = self._clock()
        merged = {**self.facts[phase], **facts}
        self._phase(phase, PhaseStatus.DONE, now, facts=merged, ended_at=now, percent=100.0)
        self.facts[phase], self.ended_at[phase] = merged, now

    def failed(self, phase: Phase) -> None:
        """The phase's work failed, whether do or undo."""
        now = self._clock()
        self._phase(phase, PhaseStatus.FAILED, now, ended_at=now)

    def undoing(self, phase: Phase) -> None:
        """The phase is about to be undone."""
        self._phase(phase, PhaseStatus.UNDOING, self._clock())

    def undone(self, phase: Phase) -> None:
        """The phase is undone."""
        self._phase(phase, PhaseStatus.UNDONE, self._clock())

    def remember(self, phase: Phase, facts: Facts) -> None:
        """Merge `facts` into those of the phase."""
        merged = {**self.facts[phase], **facts}
        self._write(lambda: self._store.set_phase(self.update_id, phase, facts=merged), required=self._is_binding())
        self.facts[phase] = merged

    def identify(self, product: str, version: str) -> None:
        """What the archive proved to hold."""
        self._write(lambda: self._store.set_version(self.update_id, product, version), required=True)
        self.product, self.version = product, version

    def _phase(
        self, phase: Phase, status: PhaseStatus, now: datetime, unless: Step | None = None, **changes: Any
    ) -> None:
        def step() -> None:
            if unless is not None:
                unless()
            self._store.set_phase(self.update_id, phase, status=status, **changes)
            self._store.add_event(self.update_id, EventKind.PHASE, phase, now, {"status": status.value})

        self._write(step, required=self._is_binding())
        self.statuses[phase] = status
        logger.info("update %s: %s %s", self.update_id, phase, status)

    def _is_binding(self) -> bool:
        return self.failed_phase is None and self.statuses[Phase.REOPEN] is PhaseStatus.PENDING

    # --- the update's course ----------------------------------------------------------------------------------

    def turn_back(
        self,
        phase: Phase,
        failure: str | None,
        *,
        by_hook: bool = False,
        refused: bool = False,
        given_up: str | None = None,
    ) -> None:
        """The update failed, or was cancelled where there is no failure, in that phase: it goes back from here.

        `by_hook`: one of the release's own programs failed; `refused`: it was no failure; `given_up`: why it was
        cancelled though nobody asked. Each is recorded with the phase, for the end, which a crash may put off.
        """
        self.failed_phase, self.cancelled, self.attempts = phase, failure is None, 0
        marks: Facts = {HOOK_FAILED: True} if by_hook else {REFUSED: True} if refused else {}
        if given_up is not None:
            marks = {GIVEN_UP: given_up}
        self.facts[phase] = facts = {**self.facts[phase], **marks}

        def step() -> None:
            self._store.set_failure(self.update_id, phase, failure)
            if marks:
                self._store.set_phase(self.update_id, phase, facts=facts)

        self._write(step, required=False)

    def tell_failure(self, failure: str) -> None:
        """What stands in the way now, in place of what failed before."""
        self._write(lambda: self._store.set_failure_words(self.update_id, failure), required=False)

    def count_attempt(self) -> None:
        """One more crash was recovered from."""
        self.attempts += 1
        attempts = self.attempts
        self._write(lambda: self._store.set_attempts(self.update_id, attempts), required=False)

    def ending(self) -> UpdateStatus:
        """The status that the update is to end in, once what failed is undone."""
        refused = self.failed_phase is not None and REFUSED in self.facts[self.failed_phase]
        return ending_of(self.failed_phase, cancelled=self.cancelled, refused=refused)

    def finish(self, status: UpdateStatus) -> None:
        """The update has ended; its version is locked in the same transaction where engine rule 8 asks for it."""
        now, phase = self._clock(), self.failed_phase or Phase.CLEANUP
        given_up = self.facts.get(phase, {}).get(GIVEN_UP) if status is UpdateStatus.CANCELLED else None

        def step() -> None:
            self._store.finish(self.update_id, status, now)
            if given_up is not None:
                self._store.set_failure_words(self.update_id, str(given_up))
            if status is UpdateStatus.SUCCEEDED:  # after an intervention, and a reopening that was taken up again
                self._store.release_lock_of(self.update_id, "la réussite de la mise à jour", now)
            if self.version is not None and self._locks_version(status):
                self._store.lock_version(self.product, self.version, self.update_id, now)
            self._store.add_event(self.update_id, EventKind.END, phase, now, {"status": status.value})

        self._write(step, required=False)
        logger.info("update %s: %s", self.update_id, status)

    def _locks_version(self, status: UpdateStatus) -> bool:
        failed = self.failed_phase
        return failed is not None and locks_version(status, failed, by_hook=HOOK_FAILED in self.facts[failed])

    # --- journal and progress ---------------------------------------------------------------------------------

    def journal(self, phase: Phase, level: Level, message: str) -> None:
        """One line of the journal."""
        logger.log(_LOG_LEVELS[level], "update %s: %s: %s", self.update_id, phase, printable(message))
        self._event(EventKind.LOG, phase, {"level": level.value, "message": printable(message)})

    def output(self, phase: Phase, lines: list[str], skipped: int) -> None:
        """The tail of what a hook printed; `skipped` lines before it stand in the log file only."""
        self._event(
            EventKind.LOG, phase, {"level": Level.OUTPUT.value, "message": "\n".join(lines), "skipped": skipped}
        )

    def progress(self, phase: Phase, percent: float, message: str) -> None:
        """How far the phase is."""
        now = self._clock()

        def step() -> None:
            self._store.set_phase(self.update_id, phase, percent=percent)
            self._store.add_event(
                self.update_id,
                EventKind.PROGRESS,
                phase,
                now,
                {"percent": round(percent, 1), "message": printable(message)},
            )

        self._write(step, required=False)

    def _event(self, kind: EventKind, phase: Phase, data: EventData) -> None:
        now = self._clock()
        self._write(lambda: self._store.add_event(self.update_id, kind, phase, now, data), required=False)

    # --- writing ----------------------------------------------------------------------------------------------

    def write(self, step: Step) -> None:
        """What must be on disk before the update goes on; StateError where it cannot be."""
        self._write(step, required=True)

    def flush(self) -> bool:
        """Write what could not be written yet; whether everything now is."""
        return self._backlog.flush()

    def _write(self, step: Step, *, required: bool) -> None:
        self._backlog.write(step, required=required)
