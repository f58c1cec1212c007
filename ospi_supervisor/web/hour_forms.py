"""What the forms for hours show and hold: the calendar's word, and an hour of the server's."""

from datetime import datetime

from flask import Flask, request

from ospi_supervisor.domain.schedule import instant_of
from ospi_supervisor.domain.words import counted
from ospi_supervisor.errors import RefusedError
from ospi_supervisor.system.zone import local_zone
from ospi_supervisor.web.context import now, web

CHOICES = (0, 30, 60, 120, 240, 480, 1440, 2880)
"""Minutes before the hour."""


def init_app(app: Flask) -> None:
    """Give the templates what the forms need."""
    app.jinja_env.filters["field_hour"] = field_hour
    app.jinja_env.globals["announce_choices"] = announce_choices


def field_hour(value: datetime | str) -> str:
    """An instant as a field for hours holds it, in the server's zone."""
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return f"{moment.astimezone(local_zone()):%Y-%m-%dT%H:%M}"


def announce_choices(chosen: int) -> list[tuple[int, str]]:
    """When users may be told, in words; what was chosen is always among them."""
    return [(minutes, _before(minutes)) for minutes in sorted({*CHOICES, chosen})]


def _before(minutes: int) -> str:
    if minutes == 0:
        return "jamais"
    hours, rest = divmod(minutes, 60)
    words = [counted(hours, "heure", "heures")] if hours else []
    words += [counted(rest, "minute", "minutes")] if rest else []
    return f"{' '.join(words)} avant"


def instant_in_form(name: str) -> datetime | None:
    """The hour in a form's field (ISO 8601; without a zone: the server's), None where it is empty. RefusedError where
    it is none."""
    text = request.form.get(name, "").strip()
    try:
        return instant_of(text, local_zone()) if text else None
    except (ValueError, OverflowError):
        raise RefusedError("l'heure de début n'est pas une date ; écrivez par exemple 2026-11-30T22:00") from None


def now_and_next() -> dict[str, object]:
    """For the forms: why nothing may begin now, where that is so, and the next hour at which something may."""
    hours = web().operations.hours
    return {
        "closure": hours.closure(now()),
        "next_open": hours.next_open(now()),
        "announce_minutes": web().config.maintenance.announce_minutes,
    }
