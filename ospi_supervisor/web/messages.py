"""« Paramètres / Messages »: a test of the mail, and the maintenance page as users will see it."""

import re

from flask import Blueprint, Response, redirect, render_template, url_for
from werkzeug.wrappers import Response as AnyResponse

from ospi_supervisor.domain.requests import SendTestMail, Source
from ospi_supervisor.errors import RefusedError
from ospi_supervisor.web.auth import confirm_recent_sign_in
from ospi_supervisor.web.context import record_action, request_in_address, username, wants_json, web
from ospi_supervisor.web.errors import status_of

bp = Blueprint("messages", __name__, url_prefix="/parametres/messages")

PREVIEW_POLICY = "; ".join(
    ["default-src 'none'", "style-src 'unsafe-inline'", "img-src data:", "frame-ancestors 'self'", "sandbox"]
)
"""The page has its style within; its script, which would look for the end of a maintenance, does not run."""

RELOADS = re.compile(r"<meta http-equiv=.refresh[^>]*>")


@bp.get("")
def page() -> str:
    """Whom the mail goes to, and the page; with `?demande=N`, what became of a test."""
    asked, answer = request_in_address(SendTestMail)
    return _page(waiting=asked is not None and answer is None, answer=answer)


@bp.post("/essai")
def send() -> AnyResponse | tuple[str, int]:
    """« Envoyer un courriel d'essai », once the person has shown again who they are."""
    try:
        confirm_recent_sign_in()
        number = web().operations.request_test_mail(by=username(), source=Source.IMPORT)
    except RefusedError as error:
        if wants_json():
            raise
        return _page(message=str(error), ask_password=error.code == "sign_in_again"), status_of(error)
    record_action("courriel d'essai demandé", f"demande {number}")
    return redirect(url_for("messages.page", demande=number), 303)


@bp.get("/page-de-maintenance")
def preview() -> Response:
    """The maintenance page with its message."""
    response = Response(
        RELOADS.sub("", web().operations.maintenance_preview()), content_type="text/html; charset=utf-8"
    )
    response.headers["Content-Security-Policy"] = PREVIEW_POLICY
    return response


def _page(**more: object) -> str:
    return render_template("settings/messages.html", tab="messages.page", mail=web().config.mail, **more)
