"""docs/situations.md, written from the table itself: `python -m tests.domain.situations_document`."""

from collections.abc import Iterator
from pathlib import Path

from ospi_supervisor.domain.lifecycle import Phase, UpdateStatus, rule_of
from ospi_supervisor.domain.situation import Facts, situate
from ospi_supervisor.domain.situation_terms import Action, Restoration
from ospi_supervisor.domain.words import STATUS_LABELS

PATH = Path(__file__).resolve().parents[2] / "docs" / "situations.md"

HEAD = """\
# Ce que disent les pages, état par état

Chaque phrase, couleur, barre et action des pages suit de cette table (`domain/situation.py`), et d'elle seule. Elle est
écrite par `python -m tests.domain.situations_document` ; un test la compare à ce que dit le programme.

| état | ce qui se passe | vos utilisateurs voient | que faire | actions | ton, barre |
|---|---|---|---|---|---|
"""

ACTIONS = {
    Action.IMPORT: "Importer",
    Action.CANCEL: "Annuler",
    Action.RESUME: "Reprendre",
    Action.SUPPORT: "Support",
    Action.OPEN_PLATFORM: "Ouvrir la plateforme",
    Action.REPORT: "Rapport",
    Action.OPEN: "Ouvrir",
    Action.GO_BACK: "Revenir à l'ancienne version",
}

RUNNING = UpdateStatus.RUNNING


def states() -> Iterator[tuple[str, Facts]]:
    """Every state that the engine can reach, in words and as facts."""
    yield "aucune mise à jour", Facts()
    yield "aucune mise à jour, page affichée", Facts(page_up=True)
    yield "aucune mise à jour, sauvegarde restaurée", Facts(page_up=True, restoration=Restoration.UNDER_WAY)
    yield "aucune mise à jour, restauration arrêtée", Facts(page_up=True, restoration=Restoration.STOPPED)
    yield "aucune mise à jour, service arrêté", Facts(worker_up=False)
    yield "aucune mise à jour, plateforme muette après un succès", Facts(silent=True)
    for status in (UpdateStatus.SCHEDULED, UpdateStatus.QUEUED):
        yield STATUS_LABELS[status], Facts(update=status)
        yield f"{STATUS_LABELS[status]}, service arrêté", Facts(update=status, worker_up=False)
    prepared = UpdateStatus.PREPARED
    yield "préparée", Facts(update=prepared)
    yield "préparée, heure manquée", Facts(update=prepared, unscheduled=True)
    yield "préparée, service arrêté", Facts(update=prepared, worker_up=False)
    for phase in Phase:
        page_up = rule_of(phase).services_stopped or phase is Phase.REOPEN
        yield f"en cours, `{phase}`", Facts(update=RUNNING, phase=phase, page_up=page_up)
    decided = Facts(update=RUNNING, phase=Phase.VALIDATE, page_up=True, decided=True)
    yield "en cours, `validate`, décidée", decided
    yield "en cours, annulation demandée", Facts(update=RUNNING, phase=Phase.BACKUP, cancelling=True)
    yield "annulation en cours", Facts(update=RUNNING, phase=Phase.BACKUP, going_back=True, cancelling=True)
    yield "retour, plateforme ouverte", Facts(update=RUNNING, phase=Phase.STAGE, going_back=True)
    yield "retour, derrière la page", Facts(update=RUNNING, phase=Phase.MIGRATE, going_back=True, page_up=True)
    yield "en cours, service arrêté, plateforme ouverte", Facts(update=RUNNING, phase=Phase.BACKUP, worker_up=False)
    yield (
        "en cours, service arrêté, page affichée",
        Facts(update=RUNNING, phase=Phase.MIGRATE, page_up=True, worker_up=False),
    )
    yield (
        "en cours, service arrêté, version acquise",
        Facts(update=RUNNING, phase=Phase.REOPEN, page_up=True, worker_up=False),
    )
    for status in UpdateStatus:
        if status.is_final:
            yield from ended(status)


def ended(status: UpdateStatus) -> Iterator[tuple[str, Facts]]:
    """The states that an update ends in: with its version locked, released, or neither."""
    label = STATUS_LABELS[status]
    if status is UpdateStatus.INTERVENTION:
        yield f"{label}, page affichée", Facts(update=status, locked=True, page_up=True)
        yield f"{label}, page retirée à la main", Facts(update=status, locked=True)
        yield f"{label}, service arrêté", Facts(update=status, locked=True, page_up=True, worker_up=False)
        yield f"{label}, débloquée", Facts(update=status, released=True)
        yield f"{label}, débloquée, page affichée", Facts(update=status, released=True, page_up=True)
        return
    if status in (UpdateStatus.ROLLED_BACK, UpdateStatus.FAILED):
        yield f"{label}, verrouillée", Facts(update=status, locked=True)
        yield f"{label}, débloquée", Facts(update=status, released=True)
    if status is UpdateStatus.ROLLED_BACK:
        yield f"{label}, non ouverte après validation", Facts(update=status, not_opened=True)
    else:
        yield label, Facts(update=status)
    if status is UpdateStatus.REFUSED:
        yield f"{label} par la répétition", Facts(update=status, phase=Phase.REHEARSE)


def document() -> str:
    """The whole page, as Markdown."""
    return HEAD + "".join(row(name, facts) for name, facts in states())


def row(name: str, facts: Facts) -> str:
    """One line of the table."""
    found = situate(facts)
    reboot = "Ne redémarrez pas le serveur. " if found.no_reboot else ""
    actions = ", ".join(ACTIONS[action] for action in found.actions) or "–"
    cells = (name, f"**{found.title}** ({found.badge})", found.users, reboot + found.advice, actions)
    return f"| {' | '.join(cells)} | {found.tone}, {found.bar} |\n"


if __name__ == "__main__":
    PATH.write_text(document(), encoding="utf-8")
