"""The hour of an update that waits for one: another, or at once; and what users are told of it beforehand."""

from collections.abc import Callable

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response

from ospi_supervisor.domain.words import counted
from ospi_supervisor.errors import RefusedError
from ospi_supervisor.web.auth import confirm_recent_sign_in
from ospi_supervisor.web.context import asker, record_action, stored_number, wants_json, web
from ospi_supervisor.web.errors import status_of
from ospi_supervisor.web.hour_forms import instant_in_form
from ospi_supervisor.web.updates import follow_page

bp = Blueprint("hours", __name__, url_prefix="/api/updates")


Answer = Response | tuple[str, int]


@bp.post("/<int:update_id>/reschedule")
def reschedule(update_id: int) -> Answer:
    """Another hour (`switch_at`)."""

    def ask() -> int:
        at = instant_in_form("switch_at")
        if at is None:
            raise RefusedError("choisissez une heure ; écrivez par exemple 2026-11-30T22:00")
        confirm_recent_sign_in()
        number = web().operations.hours.reschedule(update_id, at, asker())
        record_action("heure changée", f"mise à jour {update_id}, {at.isoformat()}, demande {number}")
        return number

    return _answer(update_id, ask)


@bp.post("/<int:update_id>/start")
def start(update_id: int) -> Answer:
    """At once."""

    def ask() -> int:
        confirm_recent_sign_in()
        number = web().operations.hours.reschedule(update_id, None, asker())
        record_action("début sans attendre", f"mise à jour {update_id}, demande {number}")
        return number

    return _answer(update_id, ask)


@bp.post("/<int:update_id>/announce")
def announce(update_id: int) -> Answer:
    """How long before users are told (`minutes`; 0: never), and what besides the hour (`message`)."""

    def ask() -> int:
        minutes = stored_number(request.form.get("minutes", "").strip())
        if minutes is None:
            raise RefusedError("dites combien de minutes avant l'heure prévenir les utilisateurs ; 0 : jamais")
        number = web().operations.hours.announce(update_id, minutes, request.form.get("message", ""), asker())
        ahead = counted(minutes, "minute", "minutes")
        record_action("annonce changée", f"mise à jour {update_id}, {ahead} avant, demande {number}")
        return number

    return _answer(update_id, ask)


def _answer(update_id: int, ask: Callable[[], int]) -> Answer:
    """Where the request is followed; the page with what is wrong, and what was typed, where it is refused."""
    try:
        number = ask()
    except RefusedError as error:
        if wants_json() or error.code == "unknown":
            raise
        again = error.code == "sign_in_again"
        return follow_page(update_id, hour_error=str(error), ask_password=again, open_hour=True), status_of(error)
    address = url_for("updates.follow", update=update_id, demande=number)
    return Response(status=202, headers={"Location": address}) if wants_json() else redirect(address, 303)
