"""How updates end, in the sentences of `situation`: one row a final status."""

from dataclasses import dataclass, replace

from ospi_supervisor.domain.command_line import command_line
from ospi_supervisor.domain.lifecycle import UpdateStatus
from ospi_supervisor.domain.situation_terms import Action, Tone

EXACT_DATA = "exactement celles d'avant l'interruption"
UNTOUCHED = "inchangées"


@dataclass(frozen=True, kw_only=True)
class Ending:
    """How an update ended: what became of the platform (`platform`, empty where what users see says it), what to do
    now (`to_do`) and what of the data. `may_lock`: its version may be locked (engine rule 8), which changes both."""

    tone: Tone
    title: str
    platform: str = ""
    to_do: str = ""
    data: str = UNTOUCHED
    actions: tuple[Action, ...] = (Action.IMPORT, Action.REPORT)
    may_lock: bool = False


_CORRECT = "Corrigez ce qui est indiqué, puis importez de nouveau."
LOCKED = "Ne relancez pas cette mise à jour : sa version est verrouillée. Appelez le support, qui peut la débloquer."
RELEASED = "Le support a débloqué cette version."

NOT_OPENED = Ending(
    tone=Tone.NEUTRAL,
    title="La nouvelle version n'a pas été ouverte ; la plateforme est revenue à l'ancienne version.",
    platform="L'ancienne version a été rouverte à tous.",
    to_do="Rien n'est verrouillé : vous pouvez importer de nouveau cette version, ou une autre.",
    data=EXACT_DATA,
    may_lock=True,
)
"""Of one that went back from its validation."""

ENDINGS = {
    UpdateStatus.SUCCEEDED: Ending(
        tone=Tone.GOOD,
        title="La mise à jour a réussi.",
        to_do="Il n'y a rien à faire.",
        data="toutes conservées",
        actions=(Action.OPEN_PLATFORM, Action.REPORT),
    ),
    UpdateStatus.ROLLED_BACK: Ending(
        tone=Tone.BAD,
        title="La mise à jour a échoué ; la plateforme est revenue à l'ancienne version.",
        platform="L'ancienne version a été rouverte à tous.",
        to_do=_CORRECT,
        data=EXACT_DATA,
        may_lock=True,
    ),
    UpdateStatus.REFUSED: Ending(
        tone=Tone.WARN,
        title="La mise à jour a été refusée.",
        platform="La plateforme n'a pas été touchée ; ce refus ne verrouille rien.",
        to_do="Faites ce que dit le motif : corrigez, puis importez de nouveau, ou transmettez-le au support.",
    ),
    UpdateStatus.FAILED: Ending(
        tone=Tone.BAD,
        title="La mise à jour a échoué pendant sa préparation.",
        platform="La plateforme n'a pas été touchée ni arrêtée.",
        to_do="Corrigez ce qui est indiqué, puis importez de nouveau : rien n'est verrouillé.",
        may_lock=True,
    ),
    UpdateStatus.CANCELLED: Ending(
        tone=Tone.NEUTRAL,
        title="La mise à jour a été annulée.",
        platform="La plateforme n'a pas été touchée ; ce qui avait été préparé a été retiré.",
    ),
    UpdateStatus.INTERVENTION: Ending(
        tone=Tone.BAD,
        title="La mise à jour s'est arrêtée : une intervention est nécessaire.",
        to_do="N'agissez pas sur le serveur : appelez le support.",
        data="",  # nobody knows: a backup may be what was found damaged
        actions=(Action.SUPPORT, Action.RESUME),
        may_lock=True,
    ),
}


def how_it_ended(status: UpdateStatus, *, not_opened: bool, released: bool, page_up: bool) -> Ending:
    """The row of `status`, as the facts of that name have it (`situation.Facts`)."""
    if status is UpdateStatus.INTERVENTION and released:
        return _released_intervention(page_up=page_up)
    if status is UpdateStatus.ROLLED_BACK:
        ending = NOT_OPENED if not_opened else ENDINGS[status]
        return replace(ending, platform="") if page_up else ending
    return ENDINGS[status]


def _released_intervention(*, page_up: bool) -> Ending:
    """Of an intervention that is over, since the support released the version; nothing takes the page away then."""
    page = f"La page de maintenance est toujours affichée : « {command_line('maintenance off')} » la retire."
    return Ending(
        tone=Tone.BAD,
        title="La mise à jour s'était arrêtée ; le support a débloqué la version.",
        platform=page if page_up else "",
        to_do="Cette mise à jour ne peut plus être reprise.",
        data="",
        actions=(Action.REPORT,),
    )
