"""What administrators read on the pages, in mails, in the shell and in the journal alike: labels and numbers."""

from dataclasses import dataclass

from ospi_supervisor.domain.lifecycle import PhaseStatus, UpdateStatus

STATUS_LABELS = {
    UpdateStatus.SCHEDULED: "planifiée",
    UpdateStatus.QUEUED: "en attente",
    UpdateStatus.RUNNING: "en cours",
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


@dataclass(frozen=True)
class Outcome:
    """How an update ended, in words: the state of the platform, and what to do now."""

    title: str
    platform: str
    to_do: str


OUTCOMES = {
    UpdateStatus.SUCCEEDED: Outcome(
        "La mise à jour a réussi.",
        "La plateforme a été rouverte à tous sur la nouvelle version, avec toutes ses données.",
        "Il n'y a rien à faire.",
    ),
    UpdateStatus.ROLLED_BACK: Outcome(
        "La mise à jour a échoué ; la plateforme est revenue à l'ancienne version.",
        "L'ancienne version a été rouverte à tous, avec exactement les données qu'elle avait.",
        "Ne relancez pas cette mise à jour : sa version est verrouillée.",
    ),
    UpdateStatus.REFUSED: Outcome(
        "La mise à jour a été refusée avant de commencer.",
        "La plateforme n'a pas été touchée.",
        "Corrigez ce qui est indiqué, puis importez de nouveau.",
    ),
    UpdateStatus.FAILED: Outcome(
        "La mise à jour a échoué pendant sa préparation.",
        "La plateforme n'a pas été touchée ni arrêtée.",
        "Ne relancez pas cette mise à jour : sa version est verrouillée.",
    ),
    UpdateStatus.CANCELLED: Outcome(
        "La mise à jour a été annulée.",
        "La plateforme n'a pas été touchée ; ce qui avait été préparé a été retiré.",
        "Vous pouvez importer de nouveau quand vous le souhaitez.",
    ),
    UpdateStatus.INTERVENTION: Outcome(
        "La mise à jour s'est arrêtée : une intervention est nécessaire.",
        "La page de maintenance reste affichée aux utilisateurs. Les données et leurs sauvegardes sont conservées.",
        "N'agissez pas sur le serveur et ne le redémarrez pas.",
    ),
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


def counted(count: int, one: str, many: str) -> str:
    """So many of something; in French, none of it is singular."""
    return f"{count} {one if count < 2 else many}"
