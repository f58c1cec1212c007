"""What pages and mails say about the platform and its update: one table of states, and the sentences true of each.

None of them words a state by itself: it gives the facts to `situate` and shows what comes back. The table of
`docs/situations.md` is written from here, and a test walks every combination that the engine can reach.
"""

from dataclasses import dataclass

from ospi_supervisor.domain import situation_stopped
from ospi_supervisor.domain.command_line import command_line
from ospi_supervisor.domain.lifecycle import Availability, Phase, UpdateStatus, rule_of
from ospi_supervisor.domain.situation_endings import EXACT_DATA, LOCKED, RELEASED, UNTOUCHED, how_it_ended
from ospi_supervisor.domain.situation_terms import Action, Bar, End, Restoration, Tone
from ospi_supervisor.domain.words import STATUS_LABELS


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What a situation follows from.

    `update` is the status of the update that the page is about, None without any. `phase` is the one at work, or the
    last that began. `going_back`: what was done is being undone. `page_up`: the flag of the maintenance page is there
    now.
    `silent`: without any update under way, the platform stopped answering although the last one had succeeded.
    `decided`: something was decided of the validation; `not_opened`: it went back from there. `unscheduled`: it is
    prepared and nobody chose an hour since its own was missed. `locked`: the version of this update is locked on this
    server; `released`: it was, and the support released it.
    """

    update: UpdateStatus | None = None
    phase: Phase | None = None
    going_back: bool = False
    cancelling: bool = False
    worker_up: bool = True
    page_up: bool = False
    unscheduled: bool = False
    silent: bool = False
    decided: bool = False
    not_opened: bool = False
    locked: bool = False
    released: bool = False
    restoration: Restoration = Restoration.NONE


@dataclass(frozen=True, kw_only=True)
class Situation:
    """The sentences, colour, bar and actions that are true of some facts."""

    tone: Tone
    badge: str
    title: str
    users: str
    advice: str
    bar: Bar = Bar.NONE
    end: End = End.NONE
    actions: tuple[Action, ...] = ()
    data: str = ""
    no_reboot: bool = False


PLATFORM, SLOWER_PLATFORM, PAGE = "la plateforme", "la plateforme, plus lente", "la page de maintenance"
NOTHING_TO_DO = "Il n'y a rien à faire : vous pouvez fermer cette page, la mise à jour continue sans elle."


def situate(facts: Facts) -> Situation:
    """The situation that `facts` make: total over every combination of them."""
    if facts.update is None:
        return _idle(facts)
    if facts.update.is_final:
        return _ended(facts.update, facts)
    if not facts.worker_up:
        return _worker_down(facts.update, facts)
    if facts.update is UpdateStatus.RUNNING:
        if facts.phase is Phase.VALIDATE and not facts.going_back:
            return _validating(facts)
        return _going_back(facts) if facts.going_back else _going_forward(facts)
    if facts.update is UpdateStatus.PREPARED:
        return _prepared(facts)
    return _waiting(facts)


def users_see(facts: Facts) -> str:
    """What the platform's users see now: the flag decides, whatever the update says."""
    if facts.page_up:
        return PAGE
    forward = facts.update is UpdateStatus.RUNNING and facts.worker_up and not facts.going_back
    if forward and facts.phase is not None and rule_of(facts.phase).availability is Availability.SLOWER:
        return SLOWER_PLATFORM
    return PLATFORM


def _idle(facts: Facts) -> Situation:
    if facts.page_up and facts.restoration is not Restoration.NONE:
        return _restoring(facts.restoration)
    if not facts.worker_up:
        return Situation(
            tone=Tone.BAD,
            badge="service arrêté",
            title="Service de mise à jour arrêté.",
            users=users_see(facts),
            advice=f"Aucune mise à jour ne peut commencer. {situation_stopped.restart()}",
            actions=(Action.SUPPORT,),
        )
    if facts.page_up:
        return Situation(
            tone=Tone.WARN,
            badge="page de maintenance",
            title="La page de maintenance est affichée, sans mise à jour en cours.",
            users=PAGE,
            advice="Aucune mise à jour en cours ne la retirera : quand la plateforme fonctionne,"
            f" « {command_line('maintenance off')} » la retire.",
            actions=(Action.IMPORT,),
        )
    if facts.silent:
        return Situation(
            tone=Tone.BAD,
            badge="plateforme muette",
            title="La plateforme ne répond plus, alors que la mise à jour avait réussi.",
            users=PLATFORM,
            advice="Regardez ses services et leurs journaux, ou appelez le support. Rien ne revient de soi-même à"
            " l'ancienne version : ce qui a été saisi depuis serait perdu.",
            actions=(Action.SUPPORT,),
        )
    return Situation(
        tone=Tone.GOOD,
        badge="prêt",
        title="Tout est prêt pour une mise à jour.",
        users=PLATFORM,
        advice="Importez l'archive téléchargée dans l'Espace utilisateur, telle quelle.",
        actions=(Action.IMPORT,),
    )


def _restoring(restoration: Restoration) -> Situation:
    stopped = restoration is Restoration.STOPPED
    return Situation(
        tone=Tone.BAD if stopped else Tone.BUSY,
        badge="restauration arrêtée" if stopped else "restauration en cours",
        title="La restauration d'une sauvegarde s'est arrêtée." if stopped else "Une sauvegarde est restaurée.",
        users=PAGE,
        advice=(
            "Corrigez ce que la commande a dit, puis relancez-la : elle reprend. Dans le doute, appelez le support."
            if stopped
            else "Laissez finir la commande lancée sur le serveur ; si elle a été coupée, relancez-la : elle reprend."
        ),
        bar=Bar.STOPPED if stopped else Bar.FORWARD,
        actions=(Action.SUPPORT,) if stopped else (),
        no_reboot=True,
    )


def _worker_down(update: UpdateStatus, facts: Facts) -> Situation:
    begun = update is UpdateStatus.RUNNING
    return Situation(
        tone=Tone.BAD,
        badge="service arrêté",
        title="Service de mise à jour arrêté : rien n'avance.",
        users=users_see(facts),
        advice=f"{situation_stopped.restart()} {situation_stopped.once_restarted(update, facts.phase)}",
        bar=Bar.STOPPED if begun else Bar.NONE,
        actions=(Action.SUPPORT,) if begun else (Action.SUPPORT, Action.CANCEL),
        data=_data_on_the_way_back(facts) if facts.going_back else "",
        no_reboot=begun,
    )


def _prepared(facts: Facts) -> Situation:
    missed = facts.unscheduled
    return Situation(
        tone=Tone.WARN if missed else Tone.BUSY,
        badge="heure à choisir" if missed else "préparée",
        title="La mise à jour est prête, mais son heure est à choisir." if missed else "La mise à jour est prête.",
        users=users_see(facts),
        advice=(
            "Choisissez une heure, ou commencez sans attendre. D'ici là, rien ne change."
            if missed
            else "À l'heure choisie, la page de maintenance sera mise en place d'elle-même. D'ici là, rien ne change."
        ),
        actions=() if facts.cancelling else (Action.CANCEL,),
        data=UNTOUCHED,
    )


def _waiting(facts: Facts) -> Situation:
    planned = facts.update is UpdateStatus.SCHEDULED
    return Situation(
        tone=Tone.BUSY,
        badge="planifiée" if planned else "en attente",
        title="Une mise à jour est planifiée." if planned else "La mise à jour va commencer.",
        users=users_see(facts),
        advice=(
            "Elle commencera d'elle-même à l'heure dite. D'ici là, rien ne change."
            if planned
            else "Le service de mise à jour la prend en charge."
        ),
        end=End.NONE if planned else End.EXPECTED,
        actions=() if facts.cancelling else (Action.CANCEL,),
        data=UNTOUCHED,
        no_reboot=not planned,
    )


def _going_forward(facts: Facts) -> Situation:
    rule = rule_of(facts.phase or Phase.VERIFY)
    title = "L'annulation est demandée." if facts.cancelling and rule.cancellable else rule.title
    return Situation(
        tone=Tone.BUSY,
        badge="en cours",
        title=title,
        users=users_see(facts),
        advice=NOTHING_TO_DO,
        bar=Bar.FORWARD,
        end=End.EXPECTED,
        actions=(Action.CANCEL,) if rule.cancellable and not facts.cancelling else (),
        data=UNTOUCHED if rule.cancellable else "",
        no_reboot=True,
    )


def _validating(facts: Facts) -> Situation:
    return Situation(
        tone=Tone.BUSY if facts.decided else Tone.WARN,
        badge="décidée" if facts.decided else "à valider",
        title="La décision est prise." if facts.decided else "La nouvelle version attend votre validation.",
        users=users_see(facts),
        advice=(
            "Il n'y a rien à faire : elle est appliquée."
            if facts.decided
            else "Regardez la nouvelle version par le lien, puis ouvrez-la à tous, ou revenez à l'ancienne."
        ),
        bar=Bar.FORWARD,
        actions=() if facts.decided else (Action.OPEN, Action.GO_BACK),
        data="ce qui est écrit derrière la page serait perdu au retour",
        no_reboot=True,
    )


def _going_back(facts: Facts) -> Situation:
    coming = "la plateforme revient d'elle-même à l'ancienne version, avec ses données"
    if facts.cancelling:
        badge, title = "annulation en cours", "La mise à jour est annulée."
    elif facts.page_up:
        badge, title = "retour à l'ancienne version", "La plateforme revient à l'ancienne version."
    else:
        badge, title = "retrait en cours", "Ce que la mise à jour avait préparé est retiré."
    return Situation(
        tone=Tone.BACK,
        badge=badge,
        title=title,
        users=users_see(facts),
        advice=f"Il n'y a rien à faire : {coming if facts.page_up else 'ce qui a été préparé est retiré'}.",
        bar=Bar.BACK,
        end=End.RETURN if facts.page_up and not facts.cancelling else End.NONE,
        data=_data_on_the_way_back(facts),
        no_reboot=True,
    )


def _data_on_the_way_back(facts: Facts) -> str:
    return EXACT_DATA if facts.page_up else UNTOUCHED


def _ended(status: UpdateStatus, facts: Facts) -> Situation:
    ending = how_it_ended(status, not_opened=facts.not_opened, released=facts.released, page_up=facts.page_up)
    stopped = status is UpdateStatus.INTERVENTION and not facts.released
    to_do, actions = RELEASED if ending.may_lock and facts.released else ending.to_do, ending.actions
    if stopped:
        to_do = to_do if facts.worker_up else situation_stopped.intervention()
    elif ending.may_lock and facts.locked:
        to_do, actions = LOCKED, (Action.SUPPORT, Action.REPORT)
    elif status is UpdateStatus.REFUSED and facts.phase is Phase.REHEARSE:  # what the vendor alone can correct
        actions = (Action.SUPPORT, *actions)
    return Situation(
        tone=ending.tone,
        badge=STATUS_LABELS[status],
        title=ending.title,
        users=users_see(facts),
        advice=" ".join(part for part in (ending.platform, to_do) if part),
        bar=Bar.STOPPED if stopped else Bar.NONE,
        actions=actions,
        data=ending.data,
        no_reboot=stopped,
    )
