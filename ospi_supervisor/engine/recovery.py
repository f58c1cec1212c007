"""Takes up an update that a crash, a power cut or a stop of the worker left running (engine rule 4).

What is to be done stands in the table of `domain.lifecycle`.
"""

import logging

from ospi_supervisor.domain.lifecycle import (
    MAX_ATTEMPTS,
    Phase,
    PhaseStatus,
    Recovery,
    UndoFailure,
    UpdateStatus,
    rule_of,
)
from ospi_supervisor.engine.course import Course
from ospi_supervisor.errors import PlatformError, in_words
from ospi_supervisor.phases.base import Level

logger = logging.getLogger(__name__)


def recover(course: Course) -> None:
    """Bring the update to its end from wherever it was left; whatever stands in its record may be half done."""
    record = course.record
    phase = record.standing
    rule = rule_of(phase)
    crashed = record.statuses[phase] in (PhaseStatus.DOING, PhaseStatus.UNDOING)
    if crashed:
        record.count_attempt()
        record.journal(phase, Level.WARNING, f"Reprise après une interruption pendant la phase « {rule.title} ».")
    else:
        where = "pendant" if record.statuses[phase] is PhaseStatus.PENDING else "après"
        record.journal(phase, Level.INFO, f"Reprise {where} la phase « {rule.title} ».")
    try:
        course.registry.before_recovery(rule.services_stopped)
    except Exception as error:
        logger.error("update %s: recovery failed", record.update_id, exc_info=error)
        _exhausted(course, phase, f"la reprise a échoué : {in_words(error)}")
        return
    if record.attempts > MAX_ATTEMPTS:
        _exhausted(course, phase, f"interrompue {record.attempts} fois pendant la phase « {rule.title} »")
    elif record.failed_phase is not None:
        course.back()
    elif rule.recovery is Recovery.AGAIN:
        course.forward(_next(course))
    elif rule.recovery is Recovery.ROLL_BACK:
        words = f"le service ou le serveur s'est interrompu pendant la phase « {rule.title} »"
        course.turn_back(phase, PlatformError(words))
    elif _next(course) is Phase.REOPEN:
        course.reopen(again=True)
    else:
        course.clean_up()


def _next(course: Course) -> Phase:
    """The first phase that is not done."""
    return next(phase for phase in Phase if course.record.statuses[phase] is not PhaseStatus.DONE)


def _exhausted(course: Course, phase: Phase, failure: str) -> None:
    """No further attempt: `failed` before users lost the platform, `intervention` after."""
    record = course.record
    record.journal(phase, Level.ERROR, f"La mise à jour ne peut pas être reprise : {failure}.")
    if rule_of(phase).undo_failure is UndoFailure.INTERVENTION:
        course.give_up(phase, failure)
    elif phase is Phase.CLEANUP:
        record.failed(phase)
        course.finish(UpdateStatus.SUCCEEDED)
    elif record.failed_phase is not None:
        course.finish(record.ending())
    else:
        course.turn_back(phase, PlatformError(failure))
