"""The tab « Activation par Internet »: whether this server updates itself, and the way to the vendor, link by link."""

from flask import Blueprint, redirect, render_template, url_for
from werkzeug.wrappers import Response

from ospi_supervisor.domain.requests import CheckRepository, RunAutomaticUpdate, Source
from ospi_supervisor.errors import RefusedError
from ospi_supervisor.store.engine_documents import Answer
from ospi_supervisor.store.web_rows import RequestRow
from ospi_supervisor.web.auth import confirm_recent_sign_in
from ospi_supervisor.web.context import record_action, request_in_address, username, wants_json, web
from ospi_supervisor.web.errors import status_of

bp = Blueprint("automatic", __name__, url_prefix="/mises-a-jour/activation")


@bp.get("")
def page() -> Response | str:
    """What is known; with `?demande=N`, what the worker answered to « Vérifier maintenant », or that it is at it."""
    asked, answer = request_in_address(CheckRepository, RunAutomaticUpdate)
    if answer is not None and answer["update_id"] is not None:
        return redirect(url_for("updates.follow", update=answer["update_id"]))
    return _page(asked, answer)


@bp.post("/installer")
def install() -> Response | tuple[str, int]:
    """« Installer maintenant » what the check found, as at night, once the person has shown again who they are."""
    try:
        confirm_recent_sign_in()
    except RefusedError as error:
        if wants_json():
            raise
        return _page(None, None, message=str(error), ask_password=True), status_of(error)
    number = web().operations.request_automatic_run(by=username(), source=Source.IMPORT)
    record_action("mise à jour automatique demandée", f"demande {number}")
    return redirect(url_for("automatic.page", demande=number), 303)


def _page(asked: RequestRow | None, answer: Answer | None, **more: object) -> str:
    return render_template(
        "automatic/page.html",
        automatic=web().operations.automatic.document(),
        waiting=asked is not None and answer is None,
        answer=answer,
        installing=asked is not None and asked.kind == RunAutomaticUpdate.kind,
        **more,
    )


@bp.post("/verifier")
def check() -> Response:
    """« Vérifier maintenant »: the worker looks, since the web account may have no way out."""
    number = web().operations.request_automatic_check(by=username(), source=Source.IMPORT)
    record_action("vérification du dépôt demandée", f"demande {number}")
    return redirect(url_for("automatic.page", demande=number), 303)
