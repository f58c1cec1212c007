"""The validation behind the closed door: the link, and both decisions."""

from collections.abc import Callable

from flask import Blueprint, Response, make_response, redirect, render_template, url_for
from flask_login import current_user
from werkzeug.wrappers import Response as AnyResponse

from ospi_supervisor.domain.requests import Asker
from ospi_supervisor.domain.validation import Verdict
from ospi_supervisor.errors import RefusedError
from ospi_supervisor.operations.validation import waits
from ospi_supervisor.web.auth import confirm_recent_sign_in
from ospi_supervisor.web.context import asker, record_action, wants_json, web
from ospi_supervisor.web.errors import status_of

bp = Blueprint("validation", __name__)

ACTIONS = {
    Verdict.OPEN: "ouverture de la nouvelle version demandée",
    Verdict.GO_BACK: "retour à l'ancienne version demandé",
}


@bp.get("/mises-a-jour/suivi/<int:update_id>/validation")
def page(update_id: int) -> AnyResponse:
    """The link, for who has just signed in, and both decisions; once nothing is to be decided, Suivi."""
    update = web().operations.reader.update(update_id)
    if update is None or not waits(update):
        return redirect(url_for("updates.follow", update=update_id), 303)
    return _page(update_id)


@bp.post("/mises-a-jour/suivi/<int:update_id>/validation")
def show_link(update_id: int) -> AnyResponse:
    """The link, for who gives the password."""
    try:
        confirm_recent_sign_in()
    except RefusedError as error:
        return _page(update_id, str(error), status_of(error))
    return redirect(url_for("validation.page", update_id=update_id), 303)


@bp.post("/api/updates/<int:update_id>/open")
def open_to_all(update_id: int) -> AnyResponse:
    """« Ouvrir »."""
    return _decide(update_id, Verdict.OPEN, web().operations.validation.open)


@bp.post("/api/updates/<int:update_id>/go-back")
def go_back(update_id: int) -> AnyResponse:
    """« Revenir à l'ancienne version »."""
    return _decide(update_id, Verdict.GO_BACK, web().operations.validation.go_back)


def _decide(update_id: int, verdict: Verdict, ask: Callable[[int, Asker], int]) -> AnyResponse:
    try:
        web().operations.validation.waiting(update_id)
        confirm_recent_sign_in()
        number = ask(update_id, asker())
    except RefusedError as error:
        if wants_json() or error.code == "not_waiting":
            raise
        return _page(update_id, str(error), status_of(error), verdict)
    record_action(ACTIONS[verdict], f"mise à jour {update_id}, demande {number}")
    address = url_for("updates.follow", update=update_id, demande=number)
    return Response(status=202, headers={"Location": address}) if wants_json() else redirect(address, 303)


def _page(update_id: int, message: str = "", status: int = 200, verdict: Verdict | None = None) -> AnyResponse:
    """`verdict`: the decision whose form asks for the password."""
    validation = web().operations.validation
    update = validation.waiting(update_id)
    link = validation.link() if current_user.signed_in_recently else None
    if link is not None:
        record_action("lien de validation affiché", f"mise à jour {update_id}")
    text = render_template(
        "updates/validation.html",
        update=update,
        link=link,
        message=message,
        verdict=verdict,
        opens=web().config.validation.without_decision is Verdict.OPEN,
    )
    response = make_response(text, status)
    response.headers["Cache-Control"] = "no-store"
    return response
