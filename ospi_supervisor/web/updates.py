"""The tabs Suivi and Historique."""

from dataclasses import replace

from flask import Blueprint, abort, jsonify, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from ospi_supervisor.domain.lifecycle import UpdateStatus
from ospi_supervisor.domain.requests import Source
from ospi_supervisor.store.engine_reader import EngineReader
from ospi_supervisor.store.searches import UpdateSearch
from ospi_supervisor.web.context import now, number_in_address, pdf, record_action, username, wants_json, web
from ospi_supervisor.web.dashboard import downtime_of
from ospi_supervisor.web.hour_forms import now_and_next
from ospi_supervisor.web.lists import ROWS, Asked, as_csv
from ospi_supervisor.web.report import report_of
from ospi_supervisor.web.tracking import Tracking, track

TIMES = ("queued_at", "started_at", "ended_at", "waited_seconds")
CSV_COLUMNS = ("id", "product", "from", "to", "status", "source", "requested_by", *TIMES)

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
            asked = web().operations.web.request(request_id)
            kind = asked.kind if asked else ""
            return render_template("updates/waiting.html", answer=answer, cancelled=update_id, kind=kind)
        return redirect(url_for("updates.follow", update=answer["update_id"]))
    return follow_page(update_id)


def follow_page(update_id: int | None, **more: object) -> str:
    """Suivi of that update, or of the latest; `more` is what its form for the hour shows besides."""
    tracking = _tracking(web().operations.reader, update_id)
    shown: dict[str, object] = {"open_hour": request.args.get("heure"), **now_and_next(), **more}
    return render_template("updates/follow.html", tracking=tracking, **shown)


@bp.get("/suivi/<int:update_id>/etat")
def state(update_id: int) -> str:
    """The part of Suivi that our script replaces when an update's course changes; `plies` phases stay folded in it."""
    tracking = _tracking(web().operations.reader, update_id)
    tracking = tracking and replace(tracking, fold=number_in_address("plies"))
    return render_template("updates/state.html", tracking=tracking, **now_and_next())


@bp.get("/suivi/<int:update_id>/notice")
def notice(update_id: int) -> Response:
    """The notice (PDF) of an update, for those who read it afterwards."""
    update = web().operations.reader.update(update_id)
    path = web().operations.kept_notice(update) if update else None
    if update is None or path is None:
        abort(404)
    record_action("notice ouverte", f"mise à jour {update_id}")
    return pdf(path.read_bytes(), str(update["to"]))


@bp.get("/suivi/<int:update_id>/rapport")
def report(update_id: int) -> Response | str:
    """What became of an update, on a page to print; as JSON for a program."""
    tracking = _tracking(web().operations.reader, update_id)
    if tracking is None:
        abort(404)
    document = report_of(tracking)
    if wants_json():
        return jsonify(document)
    return render_template("updates/report.html", tracking=tracking, report=document, printed_at=now())


@bp.post("/suivi/<int:update_id>/annuler")
def cancel(update_id: int) -> Response:
    """Ask the update to stop; the worker judges whether it still can."""
    number = web().operations.request_cancel(update_id, by=username(), source=Source.IMPORT)
    record_action("annulation demandée", f"mise à jour {update_id}, demande {number}")
    return redirect(url_for("updates.follow", update=update_id, demande=number), 303)


@bp.get("/historique")
def history() -> str:
    """The updates, the newest first; what is looked for as `lists.Asked` has it, and `resultat`, a status."""
    asked, search = _asked_for()
    reader = web().operations.reader
    updates = reader.updates(ROWS + 1, asked.before, search)
    shown = updates[:ROWS]
    times = reader.phase_times([update["id"] for update in shown])
    downtimes = {update["id"]: downtime_of(update, times[update["id"]]) for update in shown}
    return render_template(
        "updates/history.html",
        updates=shown,
        downtimes=downtimes,
        older=len(updates) > ROWS,
        asked=asked,
        query=asked.query() | ({"resultat": search.status.value} if search.status else {}),
        statuses=list(UpdateStatus),
    )


@bp.get("/historique.csv")
def history_csv() -> Response:
    """Every update that is looked for, the newest first."""
    updates = web().operations.reader.every_update(_asked_for()[1])
    rows = ([update.get(name) for name in CSV_COLUMNS] for update in updates)
    return as_csv("mises-a-jour.csv", CSV_COLUMNS, rows)


def _asked_for() -> tuple[Asked, UpdateSearch]:
    asked = Asked.in_address()
    status = next((one for one in UpdateStatus if one == request.args.get("resultat")), None)
    return asked, UpdateSearch(words=asked.words, since=asked.since, until=asked.until, status=status)


def _tracking(reader: EngineReader, update_id: int | None) -> Tracking | None:
    """The update of that number (404 without), or the latest, or None before the first."""
    if update_id is None:
        update_id = reader.active_update() or next((update["id"] for update in reader.updates(1)), None)
        if update_id is None:
            return None
    update = reader.update(update_id)
    if update is None:
        abort(404)
    return track(reader, update, now())
