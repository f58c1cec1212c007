"""What texts and numbers of the configuration look like, to the program and in words."""

from typing import Annotated

import msgspec

from ospi_supervisor.config.paths import INSTANCE

__all__ = ["ADDRESS", "FORMS", "INSTANCE", "MAILBOX", "ORIGIN", "PROXY", "SMTP", "Positive"]

Positive = Annotated[int, msgspec.Meta(ge=1)]

ADDRESS, PROXY = "^https?://[^/ ]+", "^http://([^/ :@]+@)?[^/ @]+/?$"
SMTP, MAILBOX = r"^[A-Za-z0-9._-]+(:[0-9]{1,5})?\Z", r"^[^\s@,;<>]+@[^\s@,;<>]+\Z"
ORIGIN = r"^https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?/?\Z"
HOUR = r"^([01][0-9]|2[0-3]):[0-5][0-9]\Z"
FORMS = {
    ORIGIN: "https://HÔTE/ (un nom d'hôte propre, sans chemin)",
    ADDRESS: "https://HÔTE/CHEMIN/",
    PROXY: "http://HÔTE:PORT ou http://COMPTE@HÔTE:PORT, sans mot de passe (il va dans « proxy_password_file »)",
    SMTP: "HÔTE ou HÔTE:PORT",
    MAILBOX: "nom@hopital.example",
    INSTANCE: "un nom de 17 minuscules, chiffres ou tirets au plus",
    HOUR: "HH:MM",
}
"""What each pattern of a text looks like to people."""
