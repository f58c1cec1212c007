"""What somebody had typed when their session ended: kept through the sign-in, and sent once they say so again."""

from typing import NamedTuple
from urllib.parse import urlsplit

from flask import current_app, request
from flask_wtf.csrf import validate_csrf
from itsdangerous import BadSignature, URLSafeSerializer

NOT_KEPT = ("csrf_token", "password")
MOST_CHARACTERS = 16_384
LABELS = {
    "code": "Code reçu du support",
    "days": "Durée (jours)",
    "message": "Message",
    "minutes": "Minutes avant l'heure",
    "name": "Paramètre",
    "notice_read": "J'ai lu la notice",
    "reason": "Raison",
    "sauvegarde": "Sauvegarde",
    "start_at": "Début à",
    "switch_at": "Heure choisie",
    "validate": "Valider avant d'ouvrir à tous",
    "value": "Valeur",
    "version": "Version",
    "when": "Quand",
}
"""The fields of the forms, as they are named where they are filled in."""
VALUES = {
    ("notice_read", "1"): "oui",
    ("validate", "1"): "oui",
    ("when", "now"): "maintenant",
    ("when", "switch"): "préparer maintenant, interrompre plus tard",
    ("when", "start"): "tout commencer plus tard",
}
"""What was ticked or chosen, where the form has other words for it."""


class KeptForm(NamedTuple):
    """A form that was not sent: where it goes, and its fields."""

    path: str
    fields: list[tuple[str, str]]

    @property
    def shown(self) -> list[tuple[str, str]]:
        """What was filled in, in the words of the form."""
        filled = [(name, value) for name, value in self.fields if value]
        return [(LABELS.get(name, name), VALUES.get((name, value), value)) for name, value in filled]


def kept_form() -> str | None:
    """The form of the request at work, sealed; None where it is none of ours, holds files, or is too long to keep."""
    fields = [(name, value) for name, value in request.form.items(multi=True) if name not in NOT_KEPT]
    if request.files or sum(len(name) + len(value) for name, value in fields) > MOST_CHARACTERS:
        return None
    try:
        validate_csrf(request.form.get("csrf_token"))
    except ValueError:  # another site's, perhaps: what it would have sent is not offered
        return None
    path = request.script_root + request.full_path.rstrip("?")
    return _sealer().dumps([path, fields])


def opened(sealed: str) -> KeptForm | None:
    """The form that was sealed; None where it was not, or not by us."""
    try:
        path, fields = _sealer().loads(sealed)
    except BadSignature:
        return None
    return KeptForm(path, [(name, value) for name, value in fields])


def page_before() -> str | None:
    """The page of ours from which the request at work came, as far as its browser says."""
    parts = urlsplit(request.referrer or "")
    if parts.netloc != request.host:
        return None
    return parts.path + (f"?{parts.query}" if parts.query else "")


def _sealer() -> URLSafeSerializer:
    return URLSafeSerializer(current_app.secret_key or "", salt="kept-form")
