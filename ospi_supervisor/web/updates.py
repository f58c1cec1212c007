"""The tabs Suivi and Historique."""

from flask import Blueprint, abort, redirect, render_template, url_for
from werkzeug.wrappers import Response

from ospi_supervisor.store.engine_reader import EngineReader
from ospi_supervisor.web.context import now, number_in_address, pdf, record, username, web
from ospi_supervisor.web.tracking import Tracking, track

bp = Blueprint("updates", __name__, url_prefix="/mises-a-jour")


@bp.get("/")
def root() -> Response:
    """The menu's entry: the tab that is of use now."""
    active = web().operations.reader.active_update()
    return redirect(url_for("updates.follow" if active else "imports.page"))


@bp.get("/suivi")
def follow() -> Response | str:
    """One update, live: `?update=ID`, or the one that a request led to (`?demande=N`), or the latest. With both, what
    becomes of the request to cancel that update. `annuler` shows what cancels it, and does not reload."""
    reader = web().operations.reader
    request_id, update_id = number_in_address("demande"), number_in_address("update")
    if request_id is not None:
        answer = reader.answer(request_id)
        if answer is None and web().operations.web.request(request_id) is None:
            abort(404)
        if answer is None or not answer["accepted"]:
            return render_template("updates/waiting.html", answer=answer, cancelled=update_id)
        return redirect(url_for("updates.follow", update=answer["update_id"]))
    return render_template("updates/follow.html", tracking=_tracking(reader, update_id))


@bp.get("/suivi/<int:update_id>/etat")
def state(update_id: int) -> str:
    """The part of Suivi that our script replaces when an update's course changes."""
    tracking = _tracking(web().operations.reader, update_id)
    return render_template("updates/state.html", tracking=tracking)


@bp.get("/suivi/<int:update_id>/notice")
def notice(update_id: int) -> Response:
    """The notice (PDF) of an update that began by itself, for those who read it afterwards."""
    update = web().operations.reader.update(update_id)
    path = web().operations.kept_notice(update) if update else None
    if path is None:
        abort(404)
    record("notice ouverte", f"mise à jour {update_id}")
    return pdf(path.read_bytes())


@bp.post("/suivi/<int:update_id>/annuler")
def cancel(update_id: int) -> Response:
    """Ask the update to stop; the worker judges whether it still can."""
    number = web().operations.request_cancel(update_id, by=username(), source="import")
    record("annulation demandée", f"mise à jour {update_id}, demande {number}")
    return redirect(url_for("updates.follow", update=update_id, demande=number), 303)


@bp.get("/historique")
def history() -> str:
    """Every update, the newest first."""
    return render_template("updates/history.html", updates=web().operations.reader.updates())


def _tracking(reader: EngineReader, update_id: int | None) -> Tracking | None:
    """The update of that number (404 without), or the latest, or None before the first."""
    if update_id is None:
        updates = reader.updates()
        update_id = reader.active_update() or (updates[0]["id"] if updates else None)
        if update_id is None:
            return None
    update = reader.update(update_id)
    if update is None:
        abort(404)
    return track(reader, update, now())
