"""What each long command says when it is interrupted, and what is there then: the rows of docs/interruptions.md."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """`says` is a part of what is printed, `then` what is there afterwards."""

    command: str
    moment: str
    says: str
    then: str


RECEIVING = Row("import", "l'archive est lue", "rien n'a été demandé", "rien n'est gardé de l'archive")
ASKED = Row(
    "import --wait",
    "la demande attend",
    "est enregistrée, et continue sans cette commande",
    "la mise à jour est faite dès que le service la lit",
)
FOLLOWED = Row("import --wait", "la mise à jour est en cours", "continue sans cette commande", "elle va à sa fin")
FOLLOWING = Row("follow", "la mise à jour est en cours", "continue sans cette commande", "elle va à sa fin")
CLOSED_PIPE = Row("follow", "son lecteur s'en va (`| head -1`)", "rien", "la mise à jour va à sa fin")
AUTOMATIC = Row(
    "auto run",
    "la demande attend",
    "est enregistrée, et continue sans cette commande",
    "la mise à jour automatique se fait",
)
TAKING = Row(
    "backup create",
    "la sauvegarde est prise",
    "sauvegarde interrompue ; rien n'en est gardé",
    "les sauvegardes d'avant, et aucune trace de celle-ci",
)
EXPORTING = Row("backup export", "le fichier est écrit", "export interrompu", "le fichier n'est pas là")
DRILLING = Row(
    "backup drill",
    "l'épreuve attend, ou est en cours",
    "continue sans cette commande",
    "l'épreuve se fait, et laisse son certificat",
)
REHEARSING = Row(
    "rehearse",
    "l'archive est jouée",
    "répétition interrompue ; la plateforme n'en a rien vu",
    "ni double, ni sauvegarde, ni version de plus",
)
ADOPTING = Row(
    "adopt",
    "la version est relevée",
    "relevé interrompu ; la plateforme n'en a rien vu",
    "la plateforme est comme avant, et la même commande recommence",
)
READING = Row("backup verify", "la sauvegarde est relue", "relecture interrompue", "rien n'a changé")
CONFIRMING = Row("backup restore", "la confirmation est demandée", "Abandonné.", "rien n'a changé")
UNCONFIRMED = Row("backup restore", "hors d'un terminal, sans --yes", "ajoutez --yes", "rien n'a changé")
BEFORE = Row(
    "backup restore",
    "la sauvegarde de précaution est prise",
    "la restauration est abandonnée à votre demande, et rien n'a été changé",
    "la plateforme est rouverte, avec ses données et sa version",
)
BEYOND = Row(
    "backup restore",
    "les données sont ramenées",
    "Elle va à son terme",
    "la restauration est faite, et la plateforme rouverte",
)

ROWS = (
    RECEIVING,
    ASKED,
    FOLLOWED,
    FOLLOWING,
    CLOSED_PIPE,
    AUTOMATIC,
    TAKING,
    EXPORTING,
    READING,
    DRILLING,
    REHEARSING,
    ADOPTING,
    CONFIRMING,
    UNCONFIRMED,
    BEFORE,
    BEYOND,
)
