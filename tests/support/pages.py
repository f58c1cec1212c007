"""The pages of the menu, below the prefix, as somebody who may see them all finds them."""

PAGES = (
    "",
    "mises-a-jour/import",
    "mises-a-jour/suivi",
    "mises-a-jour/activation",
    "mises-a-jour/historique",
    "sauvegardes",
    "parametres/general",
    "parametres/versions",
    "parametres/messages",
    "support",
    "tracabilite",
    "aide",
)
