"""What administrators read on the pages, in mails, in the shell and in the journal alike: labels and numbers."""

from ospi_supervisor.domain.lifecycle import PhaseStatus, UpdateStatus

STATUS_LABELS = {
    UpdateStatus.SCHEDULED: "planifiée",
    UpdateStatus.QUEUED: "en attente",
    UpdateStatus.RUNNING: "en cours",
    UpdateStatus.PREPARED: "préparée",
    UpdateStatus.SUCCEEDED: "réussie",
    UpdateStatus.ROLLED_BACK: "ramenée à l'ancienne version",
    UpdateStatus.REFUSED: "refusée",
    UpdateStatus.FAILED: "échouée, plateforme inchangée",
    UpdateStatus.CANCELLED: "annulée",
    UpdateStatus.INTERVENTION: "intervention nécessaire",
}

PHASE_STATUS_LABELS = {
    PhaseStatus.PENDING: "à venir",
    PhaseStatus.DOING: "en cours",
    PhaseStatus.DONE: "terminée",
    PhaseStatus.UNDOING: "retour en arrière",
    PhaseStatus.UNDONE: "annulée",
    PhaseStatus.FAILED: "échouée",
}


def number(value: float) -> str:
    """A number with one decimal at most."""
    return f"{value:.1f}".removesuffix(".0").replace(".", ",")


def size(count: float) -> str:
    """A number of bytes, in decimal units."""
    for unit, scale in (("Go", 1e9), ("Mo", 1e6), ("ko", 1e3)):
        if count >= scale:
            return f"{number(count / scale)} {unit}"
    return f"{int(count)} octets" if count >= 2 else f"{int(count)} octet"


def sentence(text: str) -> str:
    """`text` as a sentence: errors begin in lower case and end without a stop, what hooks print ends as it likes."""
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith('.') else '.'}"


def clause(sentence: str) -> str:
    """A sentence as a part of another one: the contrary of `sentence`."""
    return (sentence[:1].lower() + sentence[1:]).rstrip(".")


def counted(count: int, one: str, many: str) -> str:
    """So many of something; in French, none of it is singular."""
    return f"{count} {one if count < 2 else many}"
