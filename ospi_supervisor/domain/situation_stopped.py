"""What `situation` says while the update service does not run."""

from ospi_supervisor.domain.command_line import unit
from ospi_supervisor.domain.lifecycle import Phase, Recovery, UpdateStatus, rule_of


def restart() -> str:
    """What to do about it."""
    return f"Relancez le service ({_start()}), ou appelez le support."


def once_restarted(update: UpdateStatus, phase: Phase | None) -> str:
    """What becomes of an update that is not over."""
    match update:
        case UpdateStatus.SCHEDULED:
            return (
                "La mise à jour commencera à son heure si le service est relancé d'ici là ; plus de quatre heures"
                " après, elle est annulée."
            )
        case UpdateStatus.QUEUED:
            return "La mise à jour commencera quand il sera relancé."
        case UpdateStatus.PREPARED:
            return "Sans lui, l'heure de la mise à jour sera manquée, et il faudra en choisir une autre."
    if phase is not None and rule_of(phase).recovery is Recovery.ROLL_FORWARD:
        return "Dès qu'il sera relancé, la mise à jour sera menée à son terme, d'elle-même."
    return (
        "Dès qu'il sera relancé, la mise à jour reprendra, ou la plateforme reviendra à l'ancienne version,"
        " d'elle-même."
    )


def intervention() -> str:
    """What to do about an update that awaits one: nothing that is asked for is heard."""
    return (
        f"Le service de mise à jour est arrêté : relancez-le d'abord ({_start()})."
        " Ne faites rien d'autre sur le serveur : appelez le support."
    )


def _start() -> str:
    return f"« systemctl start {unit('worker')} »"
