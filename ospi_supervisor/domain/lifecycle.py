"""The phases of an update, its statuses, and what follows a failure or a crash in each phase.

This table is the one place where these rules stand; `docs/reprise.md` is held against it by a test.
"""

from dataclasses import dataclass
from enum import StrEnum


class Phase(StrEnum):
    """The stable names of the phases, in their order."""

    VERIFY = "verify"
    PREREQUISITES = "prerequisites"
    STAGE = "stage"
    BACKUP = "backup"
    REHEARSE = "rehearse"
    MAINTENANCE = "maintenance"
    STOP = "stop"
    CHECKPOINT = "checkpoint"
    SWITCH = "switch"
    MIGRATE = "migrate"
    START = "start"
    HEALTH = "health"
    VALIDATE = "validate"
    REOPEN = "reopen"
    CLEANUP = "cleanup"


class UpdateStatus(StrEnum):
    """Where an update stands. The first four are active, the others are final.

    `prepared`: all is done that users do not feel, and it waits for its hour, or for somebody to choose one.
    """

    SCHEDULED = "scheduled"
    QUEUED = "queued"
    RUNNING = "running"
    PREPARED = "prepared"
    SUCCEEDED = "succeeded"
    ROLLED_BACK = "rolled_back"
    REFUSED = "refused"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERVENTION = "intervention"

    @property
    def is_final(self) -> bool:
        """Whether nothing more will happen to such an update by itself."""
        return self not in ACTIVE


ACTIVE = (UpdateStatus.SCHEDULED, UpdateStatus.QUEUED, UpdateStatus.RUNNING, UpdateStatus.PREPARED)

UNDER_WAY = (UpdateStatus.QUEUED, UpdateStatus.RUNNING, UpdateStatus.PREPARED)
"""The statuses of which one update at a time has one: it holds the turn (engine rule 5)."""


class PhaseStatus(StrEnum):
    """Where one phase of an update stands."""

    PENDING = "pending"
    DOING = "doing"
    DONE = "done"
    UNDOING = "undoing"
    UNDONE = "undone"
    FAILED = "failed"


class Availability(StrEnum):
    """What the platform's users see during a phase."""

    UP = "up"
    SLOWER = "slower"
    PAGE = "page"


MAX_ATTEMPTS = 5
"""How often a crash in one direction of an update is recovered from, and how often `reopen` is tried."""


class Recovery(StrEnum):
    """What the worker does with an update that a crash or a power cut left in a phase."""

    AGAIN = "again"
    ROLL_BACK = "roll_back"
    ROLL_FORWARD = "roll_forward"


class UndoFailure(StrEnum):
    """What a failing undo of a phase leads to."""

    WARNING = "warning"
    INTERVENTION = "intervention"


@dataclass(frozen=True)
class PhaseRule:
    """One row of the table.

    `recovery` is for a crash in the phase, or after it and before the next one. `ending` is the status of an
    update whose `phase` failed. `services_stopped`: recovery first makes sure that services are stopped.
    """

    phase: Phase
    title: str
    availability: Availability
    recovery: Recovery
    ending: UpdateStatus
    undo_failure: UndoFailure
    services_stopped: bool = False
    cancellable: bool = False


def _before(phase: Phase, title: str, availability: Availability, ending: UpdateStatus) -> PhaseRule:
    """A phase of the time when the platform serves: done again after a crash, and it can be cancelled."""
    return PhaseRule(phase, title, availability, Recovery.AGAIN, ending, UndoFailure.WARNING, cancellable=True)


def _during(phase: Phase, title: str, *, services_stopped: bool = True) -> PhaseRule:
    """A phase behind the maintenance page: rolled back after a crash; only a sound platform is reopened."""
    return PhaseRule(
        phase,
        title,
        Availability.PAGE,
        Recovery.ROLL_BACK,
        UpdateStatus.ROLLED_BACK,
        UndoFailure.INTERVENTION,
        services_stopped=services_stopped,
    )


def _after(phase: Phase, title: str, ending: UpdateStatus, undo_failure: UndoFailure) -> PhaseRule:
    """A phase past the point of no return: only forward."""
    return PhaseRule(phase, title, Availability.UP, Recovery.ROLL_FORWARD, ending, undo_failure)


RULES: tuple[PhaseRule, ...] = (
    _before(Phase.VERIFY, "Vérification de l'archive", Availability.UP, UpdateStatus.REFUSED),
    _before(Phase.PREREQUISITES, "Prérequis", Availability.UP, UpdateStatus.REFUSED),
    _before(Phase.STAGE, "Préparation de la nouvelle version", Availability.UP, UpdateStatus.FAILED),
    _before(Phase.BACKUP, "Sauvegarde des données", Availability.SLOWER, UpdateStatus.FAILED),
    _before(Phase.REHEARSE, "Répétition générale", Availability.SLOWER, UpdateStatus.REFUSED),
    _during(Phase.MAINTENANCE, "Mise en place de la page de maintenance", services_stopped=False),
    _during(Phase.STOP, "Arrêt des services"),
    _during(Phase.CHECKPOINT, "Sauvegarde de l'état à l'arrêt"),
    _during(Phase.SWITCH, "Bascule vers la nouvelle version"),
    _during(Phase.MIGRATE, "Migration des données"),
    _during(Phase.START, "Démarrage des services"),
    _during(Phase.HEALTH, "Contrôle de la plateforme"),
    _during(Phase.VALIDATE, "Validation avant l'ouverture"),
    _after(Phase.REOPEN, "Réouverture de la plateforme", UpdateStatus.INTERVENTION, UndoFailure.INTERVENTION),
    _after(Phase.CLEANUP, "Nettoyage", UpdateStatus.SUCCEEDED, UndoFailure.WARNING),
)

OWN_PHASES = (Phase.VERIFY, Phase.PREREQUISITES, Phase.STAGE, Phase.CLEANUP)
"""The phases of an update of the supervisor itself: the platform is not touched."""

_BY_PHASE = {rule.phase: rule for rule in RULES}


def rule_of(phase: Phase) -> PhaseRule:
    """The row of the table for `phase`."""
    return _BY_PHASE[phase]


def phases_from(phase: Phase) -> tuple[Phase, ...]:
    """`phase` and all that follow it, in order."""
    phases = tuple(Phase)
    return phases[phases.index(phase) :]


def phases_to_undo(failed: Phase) -> tuple[Phase, ...]:
    """The phases to undo after a failure in `failed`, itself first, then backwards to the first.

    Nothing is undone once `reopen` was entered: that is the point of no return.
    """
    if rule_of(failed).recovery is Recovery.ROLL_FORWARD:
        return ()
    phases = tuple(Phase)
    return tuple(reversed(phases[: phases.index(failed) + 1]))


def ending_of(failed: Phase | None, *, cancelled: bool, refused: bool = False) -> UpdateStatus:
    """The status that an update ends in once it went back from `failed`; without a failure it succeeded.

    `refused`: the phase found that the update must not go on. Where the table says nothing else, `backup` may: what it
    proves could not be known before.
    """
    if failed is None:
        return UpdateStatus.SUCCEEDED
    if refused and failed is Phase.BACKUP and not cancelled:
        return UpdateStatus.REFUSED
    return UpdateStatus.CANCELLED if cancelled else rule_of(failed).ending


def locks_version(status: UpdateStatus, failed: Phase, *, by_hook: bool) -> bool:
    """Whether an update that ended in `status` because of `failed` locks its product and version.

    Engine rule 8: every failure from `maintenance` on does; before it, in `stage`, only one of the release's own hooks
    (`by_hook`). What the machine did (a full disk, a backup, a look that refused) says nothing of the release, and a
    cancellation is no failure. Nor is a release that was not opened after its validation: a person decided so, nobody
    came, or the machine stopped meanwhile.
    """
    bad = (UpdateStatus.FAILED, UpdateStatus.ROLLED_BACK, UpdateStatus.INTERVENTION)
    if failed is Phase.VALIDATE and status is UpdateStatus.ROLLED_BACK:
        return False
    users_lost_the_platform = failed in phases_from(Phase.MAINTENANCE)
    return status in bad and (users_lost_the_platform or (failed is Phase.STAGE and by_hook))
