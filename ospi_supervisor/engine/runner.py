"""Takes one update through its phases, forward or back (engine rules 1 to 3 and 8)."""

import logging
import time
from dataclasses import dataclass

from ospi_supervisor.domain.acceptance import check_not_locked
from ospi_supervisor.domain.events import Level
from ospi_supervisor.domain.hour import Turn
from ospi_supervisor.domain.lifecycle import (
    MAX_ATTEMPTS,
    RULES,
    Phase,
    PhaseStatus,
    UndoFailure,
    UpdateStatus,
    phases_from,
    rule_of,
)
from ospi_supervisor.engine.record import Record
from ospi_supervisor.engine.run import UpdateRun
from ospi_supervisor.engine.waiting import PutOffError, Waiting
from ospi_supervisor.errors import (
    CancelledError,
    GivenUpError,
    HookError,
    NotOpenedError,
    RefusedError,
    StateError,
    SupervisorError,
    WorkerStoppingError,
    in_words,
)
from ospi_supervisor.phases.base import Facts, Registry
from ospi_supervisor.store.engine_store import EngineStore

logger = logging.getLogger(__name__)

ENTERED_FREELY = (*(rule.phase for rule in RULES if rule.cancellable), Phase.MAINTENANCE)
"""The phases before which an update may still stop: until users lose the platform."""


@dataclass
class Runner:
    """One update's way. Every method ends with the update finished, or still running where the worker stops."""

    record: Record
    run: UpdateRun
    registry: Registry
    store: EngineStore
    retry_pause: float
    waiting: Waiting

    def forward(self, first: Phase) -> None:
        """Do `first` and what follows and is not done; where one fails, go back. One that is to wait for its hour is
        left `prepared` before users lose the platform.

        One whose hour is long past is cancelled instead, as long as users have not lost the platform.
        """
        for phase in phases_from(first):
            if phase is Phase.REOPEN:
                break
            if self._is_to_be_left_out(phase):
                continue
            try:
                if phase is Phase.MAINTENANCE and (turn := self.waiting.turn()) is not Turn.GO:
                    self._wait(turn)
                    return
                self._do(phase)
            except PutOffError:
                self.forward(phase)
                return
            except WorkerStoppingError as interruption:
                self.record.leave(phase)
                self.record.journal(phase, Level.WARNING, sentence(interruption))
                self.run.close()
                return
            except Exception as error:  # noqa: BLE001 - whatever fails, the way back is the same
                if not self._is_shutting_down(phase, error):
                    self.turn_back(phase, error)
                return
        self.commit()

    def commit(self, *, again: bool = False) -> None:
        """The point of no return is this record, not what follows it; `again` as in `reopen`."""
        if Phase.REOPEN in self.registry.skipped:
            self.clean_up()
            return
        last = self.record.standing
        try:
            if self.record.statuses[last] is PhaseStatus.DOING:  # a validation that a crash cut, and that is opened
                self.record.done(last, {})
            self.record.enter(Phase.REOPEN)
        except StateError as error:
            self.turn_back(last, error)
            return
        self.reopen(again=again)

    def _is_to_be_left_out(self, phase: Phase) -> bool:
        if phase is Phase.VALIDATE and not self.record.validates:
            return True
        return phase in self.registry.skipped or self.record.statuses[phase] is PhaseStatus.DONE

    def _wait(self, turn: Turn) -> None:
        if turn is Turn.REFRESH:
            self.forward(Phase.VERIFY)
        else:
            self.run.close()

    def turn_back(self, phase: Phase, error: Exception) -> None:
        """`phase` failed, or was cancelled: undo it and all before it."""
        cancelled = isinstance(error, CancelledError)
        if not isinstance(error, SupervisorError):
            logger.error("update %s: %s failed", self.record.update_id, phase, exc_info=error)
        failure = None if cancelled else in_words(error)
        by_hook, refused = isinstance(error, HookError), isinstance(error, RefusedError)
        given_up = in_words(error) if isinstance(error, GivenUpError) else None
        self.record.turn_back(phase, failure, by_hook=by_hook, refused=refused, given_up=given_up)
        if phase in self.record.to_undo():
            self.record.failed(phase)
        if isinstance(error, CancelledError | NotOpenedError):
            self.record.journal(phase, Level.WARNING, sentence(error))
        else:
            self.record.journal(phase, Level.ERROR, f"Échec de l'étape « {rule_of(phase).title} ». {sentence(error)}")
        self.back()

    def back(self) -> None:
        """Undo what is left to undo; an undo that must not fail and does leaves the rest to the support."""
        self.run.undoing = True
        for phase in self.record.to_undo():
            self.run.phase = phase
            try:
                self.record.undoing(phase)
                self.registry.works[phase].undo(self.run)
                self.run.flush()
                self.record.undone(phase)
            except Exception as error:  # noqa: BLE001 - whatever fails, it must not leave the table's rules
                if self._is_shutting_down(phase, error):
                    return
                self._undo_failed(phase, error)
                if rule_of(phase).undo_failure is UndoFailure.INTERVENTION:
                    self.finish(UpdateStatus.INTERVENTION)
                    return
        self.finish(self.record.ending())

    def reopen(self, *, again: bool = False) -> None:
        """Give the platform back to its users, whatever it takes; `again` after a crash or a failure."""
        failure = ""
        for attempt in range(MAX_ATTEMPTS):
            try:
                if again or attempt:
                    self._work(Phase.START)
                    self._work(Phase.HEALTH)
                facts = self._work(Phase.REOPEN)
            except Exception as error:
                if self._is_shutting_down(Phase.REOPEN, error):
                    return
                failure = in_words(error)
                logger.error("update %s: reopen failed", self.record.update_id, exc_info=error)
                self.record.journal(Phase.REOPEN, Level.ERROR, f"La réouverture a échoué. {sentence(error)}")
                time.sleep(self.retry_pause)
            else:
                self.record.done(Phase.REOPEN, facts)
                self.clean_up()
                return
        self.give_up(Phase.REOPEN, failure)

    def give_up(self, phase: Phase, failure: str) -> None:
        """`phase` fails again and again, where nothing else can be tried: only the support can help."""
        if self.record.failed_phase is None:
            self.record.turn_back(phase, failure)
        else:
            self.record.tell_failure(failure)
        self.record.failed(phase)
        self.finish(UpdateStatus.INTERVENTION)

    def clean_up(self) -> None:
        """The last phase: its failure is a warning on an update that succeeded."""
        try:
            self.record.enter(Phase.CLEANUP)
            self.record.done(Phase.CLEANUP, self._work(Phase.CLEANUP))
        except Exception as error:
            logger.error("update %s: cleanup failed", self.record.update_id, exc_info=error)
            self.record.failed(Phase.CLEANUP)
            self.record.journal(Phase.CLEANUP, Level.WARNING, f"Le nettoyage est incomplet. {sentence(error)}")
        self.finish(UpdateStatus.SUCCEEDED)

    def finish(self, status: UpdateStatus) -> None:
        """Record the end. A platform that needs an intervention is behind its page, whoever took it away meanwhile."""
        if status is UpdateStatus.INTERVENTION:
            self._show_page()
        self.run.close()
        self.record.finish(status)

    def _show_page(self) -> None:
        try:
            self.registry.show_page()
        except Exception as error:
            logger.error("update %s: the page could not be shown", self.record.update_id, exc_info=error)
            words = f"La page de maintenance n'a pas pu être remise en place. {sentence(error)}"
            self.record.journal(Phase.MAINTENANCE, Level.ERROR, words)

    def _do(self, phase: Phase) -> None:
        if phase in ENTERED_FREELY:
            self._turn_back_if_late(phase)
            maintenance = phase is Phase.MAINTENANCE
            self.record.enter(
                phase, unless=self.waiting.check_still_due if maintenance else self.run.turn_back_if_asked
            )
        else:
            self.record.enter(phase)
        facts = self._work(phase)
        if phase is Phase.VERIFY:
            self._identify(str(facts["product"]), str(facts["version"]))
        self.record.done(phase, facts)

    def _turn_back_if_late(self, phase: Phase) -> None:
        changes_itself = phase is Phase.STAGE and Phase.MAINTENANCE in self.registry.skipped  # its unit may be at it
        if self.record.is_late() and not self.waiting.is_chosen() and not changes_itself:
            raise GivenUpError(
                "l'heure prévue est passée depuis trop longtemps : la mise à jour est annulée pour ne pas arrêter la"
                " plateforme en pleine journée"
            )

    def _work(self, phase: Phase) -> Facts:
        self.run.phase = phase
        facts = self.registry.works[phase].do(self.run)
        self.run.flush()
        return facts

    def _identify(self, product: str, version: str) -> None:
        """Record what the archive proved to be; LockedVersionError where that failed here before (rule 8)."""
        self.record.identify(product, version)
        check_not_locked(version, self.store.locked_by(product, version))

    def _is_shutting_down(self, phase: Phase, error: Exception) -> bool:
        """Whether `phase` failed because the machine is being stopped; then it is left as a power cut would leave it.

        Databases and services go away under the worker then: nothing that fails says anything about the release.
        """
        if isinstance(error, CancelledError) or not self.registry.shutting_down():
            return False
        logger.warning("update %s: %s failed while the machine stops", self.record.update_id, phase, exc_info=error)
        title = rule_of(phase).title
        self.record.journal(
            phase, Level.WARNING, f"Le serveur s'arrête pendant l'étape « {title} » ; la suite à son redémarrage."
        )
        self.run.close()
        time.sleep(self.retry_pause)  # the worker's own end is on its way: the update is not taken up again before
        return True

    def _undo_failed(self, phase: Phase, error: Exception) -> None:
        logger.error("update %s: undo of %s failed", self.record.update_id, phase, exc_info=error)
        self.record.failed(phase)
        title = rule_of(phase).title
        self.record.journal(phase, Level.ERROR, f"Le retour en arrière a échoué (« {title} »). {sentence(error)}")
        if rule_of(phase).undo_failure is UndoFailure.INTERVENTION:
            # What is to be remedied now; what failed first stands in the journal.
            self.record.tell_failure(f"le retour en arrière a échoué (« {title} ») : {in_words(error)}")


def sentence(error: Exception) -> str:
    """The same as a sentence, for the journal."""
    words = in_words(error).rstrip(".")
    return f"{words[:1].upper()}{words[1:]}."
