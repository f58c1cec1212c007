"""The tab « Activation par Internet »: whether this server updates itself, and the way to the vendor, link by link."""

from flask import Blueprint, redirect, render_template, url_for
from werkzeug.wrappers import Response

from ospi_supervisor.web.context import record, request_in_address, username, web

bp = Blueprint("automatic", __name__, url_prefix="/mises-a-jour/activation")


@bp.get("")
def page() -> str:
    """What is known; with `?demande=N`, what the worker answered to « Vérifier maintenant », or that it is at it."""
    operations = web().operations
    asked, answer = request_in_address("auto_check")
    return render_template(
        "automatic/page.html",
        automatic=operations.automatic.document(),
        waiting=asked is not None and answer is None,
        answer=answer,
    )


@bp.post("/verifier")
def check() -> Response:
    """« Vérifier maintenant »: the worker looks, since the web account may have no way out."""
    number = web().operations.request_automatic_check(by=username(), source="import")
    record("vérification du dépôt demandée", f"demande {number}")
    return redirect(url_for("automatic.page", demande=number), 303)
