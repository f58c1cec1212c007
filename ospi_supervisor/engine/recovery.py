"""Takes up an update that a crash, a power cut or a stop of the worker left running (engine rule 4).

What is to be done stands in the table of `domain.lifecycle`.
"""

import logging

from ospi_supervisor.domain.events import Level
from ospi_supervisor.domain.lifecycle import (
    MAX_ATTEMPTS,
    Phase,
    PhaseStatus,
    Recovery,
    UndoFailure,
    UpdateStatus,
    rule_of,
)
from ospi_supervisor.domain.validation import OPENED_BY_RULE, Decision, Verdict, why_back
from ospi_supervisor.engine.runner import Runner
from ospi_supervisor.errors import NotOpenedError, PlatformError, in_words

logger = logging.getLogger(__name__)


def recover(runner: Runner) -> None:
    """Bring the update to its end from wherever it was left; whatever stands in its record may be half done."""
    record = runner.record
    phase = record.standing
    rule = rule_of(phase)
    crashed = record.statuses[phase] in (PhaseStatus.DOING, PhaseStatus.UNDOING)
    if crashed:
        record.count_attempt()
        record.journal(phase, Level.WARNING, f"Reprise après une interruption pendant l'étape « {rule.title} ».")
    else:
        where = "pendant" if record.statuses[phase] is PhaseStatus.PENDING else "après"
        record.journal(phase, Level.INFO, f"Reprise {where} l'étape « {rule.title} ».")
    try:
        runner.registry.before_recovery(rule.services_stopped)
    except Exception as error:
        logger.error("update %s: recovery failed", record.update_id, exc_info=error)
        _exhausted(runner, phase, f"la reprise a échoué : {in_words(error)}")
        return
    if record.attempts > MAX_ATTEMPTS:
        _exhausted(runner, phase, f"interrompue {record.attempts} fois pendant l'étape « {rule.title} »")
    elif record.failed_phase is not None:
        runner.back()
    elif phase is Phase.VALIDATE:
        _after_validation(runner, crashed=crashed)
    elif rule.recovery is Recovery.AGAIN:
        runner.forward(_next(runner))
    elif rule.recovery is Recovery.ROLL_BACK:
        words = f"le service ou le serveur s'est interrompu pendant l'étape « {rule.title} »"
        runner.turn_back(phase, PlatformError(words))
    elif record.statuses[Phase.REOPEN] is not PhaseStatus.DONE:  # a phase before it that was added since is past
        runner.reopen(again=True)
    else:
        runner.clean_up()


def _after_validation(runner: Runner, *, crashed: bool) -> None:
    """What was decided is done; where nothing was, the wait goes on after a stop of the worker, and after a crash the
    configuration has decided."""
    decision = runner.record.decision(Decision(verdict=runner.registry.after_crash) if crashed else None)
    if decision is None:
        runner.forward(Phase.VALIDATE)
    elif decision.verdict is Verdict.OPEN:
        if not decision.by:
            runner.record.journal(Phase.VALIDATE, Level.WARNING, OPENED_BY_RULE)
        runner.commit(again=True)
    else:
        runner.turn_back(Phase.VALIDATE, NotOpenedError(why_back(decision, None)))


def _next(runner: Runner) -> Phase:
    """The first phase that is not done."""
    return next(phase for phase in Phase if runner.record.statuses[phase] is not PhaseStatus.DONE)


def _exhausted(runner: Runner, phase: Phase, failure: str) -> None:
    """No further attempt: `failed` before users lost the platform, `intervention` after."""
    record = runner.record
    record.journal(phase, Level.ERROR, f"La mise à jour ne peut pas être reprise : {failure}.")
    if rule_of(phase).undo_failure is UndoFailure.INTERVENTION:
        runner.give_up(phase, failure)
    elif phase is Phase.CLEANUP:
        record.failed(phase)
        runner.finish(UpdateStatus.SUCCEEDED)
    elif record.failed_phase is not None:
        runner.finish(record.ending())
    else:
        runner.turn_back(phase, PlatformError(failure))
