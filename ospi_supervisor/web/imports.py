"""The Import tab: an upload's verdict, its notice, « Importer », and the plain form that needs no JavaScript."""

from datetime import timedelta
from typing import BinaryIO, NoReturn

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.datastructures import FileStorage
from werkzeug.wrappers import Response

from ospi_supervisor.domain.lifecycle import Phase
from ospi_supervisor.domain.manifest import OWN_PRODUCT
from ospi_supervisor.domain.progress import seconds_of_page
from ospi_supervisor.domain.rehearsal import Outcome
from ospi_supervisor.domain.requests import Terms
from ospi_supervisor.domain.schedule import check_start
from ospi_supervisor.errors import RefusedError
from ospi_supervisor.store.web_rows import UploadRow
from ospi_supervisor.web.auth import confirm_recent_sign_in
from ospi_supervisor.web.context import asker, now, pdf, record_action, username, wants_json, web
from ospi_supervisor.web.dashboard import durations
from ospi_supervisor.web.errors import status_of
from ospi_supervisor.web.guard import advice_on_size
from ospi_supervisor.web.hour_forms import instant_in_form, now_and_next
from ospi_supervisor.web.labels import lowered_thresholds

bp = Blueprint("imports", __name__, url_prefix="/mises-a-jour")

FORM_SLICE_BYTES = 1024 * 1024
LOOKED_AT = 50
"""Updates among which one to the same version is looked for."""
NO = {"", "0", "false", "non", "off"}


@bp.get("/import")
def page() -> str:
    """The tab, with the upload that the address names (`?televersement=ID`) where it names one."""
    upload_id = request.args.get("televersement")
    return _page(web().operations.imports.current(upload_id, asker()) if upload_id else None)


@bp.post("/import")
def plain_form() -> Response | tuple[str, int]:
    """The archive in one piece, without JavaScript. With `notice_read` it goes straight on to the installation; where
    that is refused, the page is the upload's: what was received need not be sent again."""
    row: UploadRow | None = None
    archive = request.files.get("archive")
    if archive is None or not archive.filename:
        return _page(None, "choisissez d'abord le fichier de mise à jour"), 422
    try:
        row = _receive(archive)
        if row.verdict == "refused":
            web().operations.imports.note_refusal(row, asker())
            return _page(row), 422
        if _is_yes("notice_read"):
            return _import(row.id)
    except RefusedError as error:
        received = None if row is None else web().operations.imports.current(row.id, asker())
        return _page(received, str(error), ask_password=error.code == "sign_in_again"), status_of(error)
    return redirect(url_for("imports.page", televersement=row.id), 303)


@bp.get("/import/trop-grand")
def too_large() -> NoReturn:
    """413: where a reverse proxy leads whoever sent it a form beyond its limit, and let nothing of it through."""
    raise RefusedError(advice_on_size("imports.plain_form"), code="too_large")


@bp.get("/televersements/<upload_id>/fiche")
def card(upload_id: str) -> str:
    """The part of the page that shows one upload's verdict, for our script."""
    return render_template("imports/card.html", **_card(web().operations.imports.current(upload_id, asker())))


@bp.get("/televersements/<upload_id>/notice")
def notice(upload_id: str) -> Response:
    """The notice (PDF), proven."""
    uploads = web().operations.uploads
    data, release = uploads.notice(upload_id), uploads.get(upload_id).release
    return pdf(data, release.version if release else "")


@bp.post("/televersements/<upload_id>/importer")
def start(upload_id: str) -> Response | tuple[str, int]:
    """« Importer »: recorded now, asked of the worker once every byte is there."""
    try:
        return _import(upload_id)
    except RefusedError as error:
        if wants_json():
            raise
        return _page(
            web().operations.imports.current(upload_id, asker()), str(error), ask_password=error.code == "sign_in_again"
        ), status_of(error)


@bp.post("/televersements/<upload_id>/abandonner")
def abandon(upload_id: str) -> Response:
    """« Abandonner », without JavaScript."""
    web().operations.imports.give_up(upload_id, asker())
    return redirect(url_for("imports.page"), 303)


def _import(upload_id: str) -> Response:
    imports = web().operations.imports
    number = imports.current(upload_id, asker()).request
    if number is None:
        confirm_recent_sign_in()
        number = imports.press(upload_id, asker(), notice_read=_is_yes("notice_read"), terms=_terms())
    if number is None:
        address = url_for("imports.page", televersement=upload_id)
        return Response(status=202) if wants_json() else redirect(address, 303)
    address = url_for("updates.follow", demande=number)
    return Response(status=202, headers={"Location": address}) if wants_json() else redirect(address, 303)


def _terms() -> Terms:
    """The hour asked for: `start_at`, or `switch_at` for one that is prepared at once; neither for at once. The form
    says in `when` which it means. `validate` (0 or 1): whether it is to be looked at before it is opened."""
    start_at, switch_at = instant_in_form("start_at"), instant_in_form("switch_at")
    when = request.form.get("when")
    if when == "now" and (start_at or switch_at):
        raise RefusedError("une heure est indiquée : effacez-la, ou choisissez ce qui doit se faire à cette heure")
    if when == "start":
        switch_at = None
    if when == "switch":
        start_at = None
    if start_at and switch_at:
        raise RefusedError("choisissez une heure, pour tout commencer ou pour la bascule seule, et non les deux")
    terms = Terms(start_at=start_at, switch_at=switch_at, validate=_is_yes("validate"))
    if when in ("start", "switch") and terms.hour is None:
        raise RefusedError("indiquez l'heure, ou choisissez « Maintenant »")
    if terms.hour is not None:
        check_start(terms.hour, now())
    web().operations.hours.check(terms.hour)
    return terms


def _is_yes(name: str) -> bool:
    return request.form.get(name, "").strip().lower() not in NO


def _receive(archive: FileStorage) -> UploadRow:
    stream: BinaryIO = archive.stream  # type: ignore[assignment]  # IO[bytes], a temporary file
    size = stream.seek(0, 2)
    stream.seek(0)
    uploads = web().operations.uploads
    row = uploads.create(archive.filename or "", size, username())
    record_action("envoi par formulaire", f"{row.filename}, {row.size} octets, {row.id}")
    while row.verdict != "refused" and (data := stream.read(FORM_SLICE_BYTES)):
        row = uploads.append(row.id, row.offset, data)
    return row


def _card(row: UploadRow | None) -> dict[str, object]:
    ready = row is not None and row.verdict == "accepted" and web().operations.uploads.has_notice(row)
    past = durations(web().operations.reader.succeeded(1))
    rehearsed = None if row is None or row.release is None else _rehearsed(row.release.version)
    return {
        "upload": row,
        "own": row is not None and row.release is not None and row.release.product == OWN_PRODUCT,
        "notice_ready": ready,
        "lowered": lowered_thresholds(web().config.prerequisites),
        "expected": past[-1] if past else None,
        "downtime": rehearsed if rehearsed is not None else past[-1].downtime if past else None,
        "rehearsed": rehearsed is not None,
        "until": now() + timedelta(seconds=past[-1].total) if past else None,
        **now_and_next(),
    }


def _rehearsed(version: str) -> float | None:
    """How long users would miss the platform, in seconds, from a rehearsal of that version; None where none was."""
    reader = web().operations.reader
    played = next((update["id"] for update in reader.updates(LOOKED_AT) if update["to"] == version), None)
    verdict = reader.rehearsal(played)
    if verdict is None or verdict.outcome is not Outcome.REHEARSED:
        return None
    return seconds_of_page(Phase.MAINTENANCE, reader.expected(played).__getitem__)


def _page(row: UploadRow | None, message: str = "", *, ask_password: bool = False) -> str:
    return render_template(
        "imports/page.html",
        message=message,
        ask_password=ask_password,
        unfinished=[
            other for other in web().operations.imports.unfinished(username()) if row is None or other.id != row.id
        ],
        listed=True,
        **_card(row),
    )
