"""A request between its JSON in `web.db` and what it asks for."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime

import msgspec

from ospi_supervisor.domain.requests import ASKED, Asked
from ospi_supervisor.errors import RefusedError

_BY_KIND: Mapping[str, type[Asked]] = {asked.kind: asked for asked in ASKED}


def encode(asked: Asked) -> dict[str, object]:
    """What it says, as a JSON object."""
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in asdict(asked).items()}


def decode(kind: str, payload: object) -> Asked:
    """What a request asks for; RefusedError where it is of no known kind, or not of its form."""
    if kind not in _BY_KIND:
        raise RefusedError(f"demande « {kind} » inconnue de ce service de mise à jour")
    try:
        asked: Asked = msgspec.convert(payload, _BY_KIND[kind])
    except (msgspec.ValidationError, OverflowError) as error:
        raise RefusedError(f"demande illisible ({error}) ; recommencez-la depuis le Superviseur") from error
    return asked
