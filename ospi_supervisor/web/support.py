"""The support's page: whom to call, what failed, the code that releases it, « Reprendre », and the diagnostics."""

from collections.abc import Callable

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from ospi_supervisor.domain.requests import Resume, Source, Unlock
from ospi_supervisor.errors import RefusedError
from ospi_supervisor.web.auth import confirm_recent_sign_in
from ospi_supervisor.web.context import now, record_action, request_in_address, username, wants_json, web
from ospi_supervisor.web.errors import status_of
from ospi_supervisor.web.situations import situation_of

bp = Blueprint("support", __name__)


@bp.get("/support")
def page() -> Response | str:
    """Whom to call and what for; with `?demande=N`, what the worker answered to a code or to « Reprendre »."""
    asked, answer = request_in_address(Unlock, Resume)
    if asked is not None and asked.kind == Resume.kind and answer is not None and answer["accepted"]:
        return redirect(url_for("updates.follow", update=answer["update_id"]))
    return _page(waiting=asked is not None and answer is None, answer=answer)


@bp.post("/support/deblocage")
def unlock() -> Response | tuple[str, int]:
    """The support's code, as it was pasted; the worker proves it."""
    code = request.form.get("code", "")
    return _ask(
        "code de déblocage du support donné",
        lambda: web().operations.request_unlock(code, by=username(), source=Source.IMPORT),
    )


@bp.post("/support/reprise/<int:update_id>")
def resume(update_id: int) -> Response | tuple[str, int]:
    """« Reprendre »: the worker takes up what stopped."""
    return _ask(
        "reprise demandée",
        lambda: web().operations.request_resume(update_id, by=username(), source=Source.IMPORT),
    )


@bp.get("/support/diagnostic")
def diagnostics() -> Response:
    """The support's bundle, without any secret."""
    record_action("diagnostic téléchargé")
    response = Response(web().make_bundle(), content_type="application/zip")
    name = f"diagnostic-{web().config.platform.product}-{now().astimezone():%Y%m%d-%H%M%S}.zip"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _ask(action: str, ask: Callable[[], int]) -> Response | tuple[str, int]:
    """Ask the worker, once the person has shown again who they are; its answer is shown on the support's page."""
    try:
        confirm_recent_sign_in()
        number = ask()
    except RefusedError as error:
        if wants_json():
            raise
        return _page(message=str(error), ask_password=error.code == "sign_in_again"), status_of(error)
    record_action(action, f"demande {number}")
    return redirect(url_for("support.page", demande=number), 303)


def _page(**more: object) -> str:
    reader = web().operations.reader
    failures = [
        (update, lock, situation_of(update))
        for lock in reversed(reader.locks())
        if (update := reader.update(lock["update_id"])) is not None
    ]
    return render_template("support/page.html", failures=failures, **more)
