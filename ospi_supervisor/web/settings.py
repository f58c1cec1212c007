"""« Paramètres / Général »: the settings that administrators change; the worker puts them in force."""

from datetime import date, timedelta

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from ospi_supervisor.domain.requests import ChangeSetting, Source
from ospi_supervisor.domain.settings import AUTOMATIC_UPDATE, LONGEST_DAYS, SETTINGS, put_off_value
from ospi_supervisor.errors import RefusedError
from ospi_supervisor.system.zone import local_zone
from ospi_supervisor.web.auth import confirm_recent_sign_in
from ospi_supervisor.web.context import now, record_action, request_in_address, stored_number, username, wants_json, web
from ospi_supervisor.web.errors import status_of

bp = Blueprint("settings", __name__, url_prefix="/parametres")


@bp.get("/")
def root() -> Response:
    """The menu's entry."""
    return redirect(url_for("settings.general"))


@bp.get("/general")
def general() -> str:
    """The settings in force; with `?demande=N`, what the worker answered to a change, or that it is at it."""
    return _page("settings.general")


@bp.get("/versions")
def versions() -> str:
    """« Paramètres / Versions »: which releases this server takes, and which are put off."""
    return _page("settings.versions")


@bp.post("/general")
def change() -> Response | tuple[str, int]:
    """One setting's new value (fields `name` and `value`), once the person has shown again who they are."""
    return _ask(request.form.get("name", ""), request.form.get("value", ""), "paramètre modifié")


@bp.post("/versions/reports")
def put_off() -> Response | tuple[str, int]:
    """Put the release `version` off for `days` (none meaning until told), with a `reason`; or `lift` that."""
    form = request.form
    try:
        name = web().operations.automatic.put_off_name(form.get("version", ""))
    except RefusedError as error:
        return _page("settings.versions", message=str(error)), status_of(error)
    if "lift" in form:
        return _ask(name, "", "report levé")
    return _ask(name, put_off_value(form.get("reason", ""), _after(form.get("days", ""))), "version reportée")


def _after(days: str) -> date | None:
    """The day that so many days from today lead to; None where no number, or 0, is given."""
    number = min(stored_number(days) or 0, LONGEST_DAYS)
    return now().astimezone(local_zone()).date() + timedelta(days=number) if number else None


def _ask(name: str, value: str, action: str) -> Response | tuple[str, int]:
    tab = "settings.general" if name == AUTOMATIC_UPDATE.name else "settings.versions"
    try:
        confirm_recent_sign_in()
        number = web().operations.request_setting(name, value, by=username(), source=Source.IMPORT)
    except RefusedError as error:
        if wants_json():
            raise
        return _page(tab, message=str(error), ask_password=error.code == "sign_in_again"), status_of(error)
    record_action(action, f"{name} : {value}, demande {number}")
    return redirect(url_for(tab, demande=number, parametre=name), 303)


def _page(tab: str, **more: object) -> str:
    automatic = web().operations.automatic
    asked, answer = request_in_address(ChangeSetting)
    shown = [item for item in SETTINGS.values() if (item is AUTOMATIC_UPDATE) is (tab == "settings.general")]
    return render_template(
        "settings/general.html",
        lines=[(setting, automatic.setting(setting)) for setting in shown],
        put_off=automatic.put_off(),
        tab=tab,
        changed=request.args.get("parametre"),
        waiting=asked is not None and answer is None,
        answer=answer,
        **more,
    )
