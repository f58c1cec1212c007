"""« Paramètres / Général »: the settings that administrators change; the worker puts them in force."""

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from ospi_supervisor.domain.settings import AUTOMATIC_UPDATE
from ospi_supervisor.errors import RefusedError
from ospi_supervisor.web.auth import confirm_recent_sign_in
from ospi_supervisor.web.context import record, request_in_address, username, wants_json, web
from ospi_supervisor.web.errors import status_of

bp = Blueprint("settings", __name__, url_prefix="/parametres")


@bp.get("/")
def root() -> Response:
    """The menu's entry."""
    return redirect(url_for("settings.general"))


@bp.get("/general")
def general() -> str:
    """The settings in force; with `?demande=N`, what the worker answered to a change, or that it is at it."""
    asked, answer = request_in_address("setting")
    return _page(waiting=asked is not None and answer is None, answer=answer)


@bp.post("/general")
def change() -> Response | tuple[str, int]:
    """One setting's new value (fields `name` and `value`), once the person has shown again who they are."""
    name, value = request.form.get("name", ""), request.form.get("value", "")
    try:
        confirm_recent_sign_in()
        number = web().operations.request_setting(name, value, by=username(), source="import")
    except RefusedError as error:
        if wants_json():
            raise
        return _page(message=str(error), ask_password=error.code == "sign_in_again"), status_of(error)
    record("paramètre modifié", f"{name} : {value}, demande {number}")
    return redirect(url_for("settings.general", demande=number), 303)


def _page(**more: object) -> str:
    return render_template(
        "settings/general.html", setting=AUTOMATIC_UPDATE, current=web().operations.automatic.setting(), **more
    )
