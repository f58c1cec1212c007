"""The Import tab: an upload's verdict, its notice, « Importer », and the plain form that needs no JavaScript."""

from contextlib import suppress
from datetime import datetime, timedelta
from typing import BinaryIO, NoReturn

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.datastructures import FileStorage
from werkzeug.wrappers import Response

from ospi_supervisor.domain.schedule import check_asked_in_time
from ospi_supervisor.errors import RefusedError, SupervisorError
from ospi_supervisor.store.web_rows import UploadRow
from ospi_supervisor.web.auth import confirm_recent_sign_in
from ospi_supervisor.web.context import now, pdf, record, username, wants_json, web
from ospi_supervisor.web.errors import status_of
from ospi_supervisor.web.guard import TOO_LARGE
from ospi_supervisor.web.words import lowered_thresholds

bp = Blueprint("imports", __name__, url_prefix="/mises-a-jour")

FORM_SLICE_BYTES = 1024 * 1024
LATEST_START = timedelta(days=30)
NO = {"", "0", "false", "non", "off"}


@bp.get("/import")
def page() -> str:
    """The tab, with the upload that the address names (`?televersement=ID`) where it names one."""
    upload_id = request.args.get("televersement")
    return _page(current(upload_id) if upload_id else None)


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
            record("archive refusée", f"{row.filename} : {' ; '.join(row.reasons)}", allowed=False)
            return _page(row), 422
        if _is_yes("notice_read"):
            return _import(row.id)
    except RefusedError as error:
        received = None if row is None else current(row.id)
        return _page(received, str(error), ask_password=error.code == "sign_in_again"), status_of(error)
    return redirect(url_for("imports.page", televersement=row.id), 303)


@bp.get("/import/trop-grand")
def too_large() -> NoReturn:
    """413: where a reverse proxy leads whoever sent it a form beyond its limit, and let nothing of it through."""
    raise RefusedError(TOO_LARGE["imports.plain_form"], code="too_large")


@bp.get("/televersements/<upload_id>/fiche")
def card(upload_id: str) -> str:
    """The part of the page that shows one upload's verdict, for our script."""
    return render_template("imports/card.html", **_card(current(upload_id)))


@bp.get("/televersements/<upload_id>/notice")
def notice(upload_id: str) -> Response:
    """The notice (PDF), proven."""
    return pdf(web().operations.uploads.notice(upload_id))


@bp.post("/televersements/<upload_id>/importer")
def start(upload_id: str) -> Response | tuple[str, int]:
    """« Importer »: recorded now, asked of the worker once every byte is there."""
    try:
        return _import(upload_id)
    except RefusedError as error:
        if wants_json():
            raise
        return _page(current(upload_id), str(error), ask_password=error.code == "sign_in_again"), status_of(error)


@bp.post("/televersements/<upload_id>/abandonner")
def abandon(upload_id: str) -> Response:
    """« Abandonner », without JavaScript."""
    give_up(upload_id)
    return redirect(url_for("imports.page"), 303)


def give_up(upload_id: str) -> None:
    """Give the upload up; its bytes go. RefusedError where the worker was asked to install it."""
    web().operations.uploads.abandon(as_answered(upload_id).id)
    record("téléversement abandonné", upload_id)


def go_on_with_import(row: UploadRow) -> None:
    """Ask the worker to install an upload that is now complete, where « Importer » was pressed while it went on.

    A refusal is recorded with the upload, for the page to show: the upload itself has succeeded.
    """
    with suppress(SupervisorError):
        _ask_worker(row.id)


def current(upload_id: str) -> UploadRow:
    """The upload as it stands, and the worker asked for it where that is still to be done: a process that died, or
    could not write, at the end of the upload did not."""
    row = as_answered(upload_id)
    wanted = row.import_requested
    if not wanted or wanted.get("error") or row.request or not row.complete:
        return row
    go_on_with_import(row)
    return web().operations.uploads.get(upload_id)


def as_answered(upload_id: str) -> UploadRow:
    """The upload as it stands. A request that the worker refused is none: its words are kept as the error."""
    operations = web().operations
    row = operations.uploads.get(upload_id)
    refusal = _refusal(row)
    return row if refusal is None else operations.uploads.note_request(row, request=None, error=refusal)


def _refusal(row: UploadRow) -> str | None:
    answer = web().operations.reader.answer(row.request) if row.request else None
    return None if answer is None or answer["accepted"] else str(answer["message"])


def _unfinished() -> list[UploadRow]:
    """The uploads that this person began and can go on with: the worker was not asked, or refused."""
    return [
        row
        for row in web().operations.web.uploads()
        if row.created_by == username()
        and row.verdict != "refused"
        and row.expires_at >= now()
        and (not row.request or _refusal(row) is not None)
    ]


def _import(upload_id: str) -> Response:
    uploads = web().operations.uploads
    row = current(upload_id)
    number = row.request
    if number is None:
        confirm_recent_sign_in()
        start_at = _start_at()
        if _is_yes("notice_read"):
            row = uploads.acknowledge_notice(upload_id, username())
            record("notice lue", f"{row.filename}, sha256 {row.notice_sha256}")
        uploads.want_import(upload_id, username(), start_at)
        number = _ask_worker(upload_id)
    if number is None:
        address = url_for("imports.page", televersement=upload_id)
        return Response(status=202) if wants_json() else redirect(address, 303)
    address = url_for("updates.follow", demande=number)
    return Response(status=202, headers={"Location": address}) if wants_json() else redirect(address, 303)


def _ask_worker(upload_id: str) -> int | None:
    """The number of the one request made of the worker; None where the time has not come, or another is just asking.

    Its refusal is recorded with the upload, and raised. What is recorded is of whoever pressed « Importer »: the one
    whose request leads here may only have looked.
    """
    operations = web().operations
    row = operations.uploads.claim_import(upload_id)
    if row is None:
        return operations.uploads.get(upload_id).request
    wanted = row.import_requested or {}
    start_at = datetime.fromisoformat(wanted["start_at"]) if wanted["start_at"] else None
    try:
        check_asked_in_time(start_at, now())
        number = operations.request_import(row.id, by=wanted["by"], source="import", start_at=start_at)
    except SupervisorError as error:
        operations.uploads.note_request(row, request=None, error=str(error))
        record("installation refusée", f"{row.filename} : {error}", allowed=False, actor=wanted["by"])
        raise
    operations.uploads.note_request(row, request=number, error=None)
    record("installation demandée", f"{row.filename}, demande {number}", actor=wanted["by"])
    return number


def _start_at() -> datetime | None:
    """The time asked for in `start_at` (ISO 8601; without a zone: the server's), None for at once."""
    text = request.form.get("start_at", "").strip()
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError):
        raise RefusedError("l'heure de début n'est pas une date ; écrivez par exemple 2026-11-30T22:00") from None
    if moment < now():
        raise RefusedError("l'heure de début est déjà passée ; choisissez-en une à venir")
    if moment > now() + LATEST_START:
        raise RefusedError(
            f"une mise à jour se planifie au plus {LATEST_START.days} jours à l'avance ; choisissez un jour plus proche"
        )
    return moment


def _is_yes(name: str) -> bool:
    return request.form.get(name, "").strip().lower() not in NO


def _receive(archive: FileStorage) -> UploadRow:
    stream: BinaryIO = archive.stream  # type: ignore[assignment]  # IO[bytes], a temporary file
    size = stream.seek(0, 2)
    stream.seek(0)
    uploads = web().operations.uploads
    row = uploads.create(archive.filename or "", size, username())
    record("téléversement par formulaire", f"{row.filename}, {row.size} octets, {row.id}")
    while row.verdict != "refused" and (data := stream.read(FORM_SLICE_BYTES)):
        row = uploads.append(row.id, row.offset, data)
    return row


def _card(row: UploadRow | None) -> dict[str, object]:
    ready = row is not None and row.verdict == "accepted" and web().operations.uploads.has_notice(row)
    return {"upload": row, "notice_ready": ready, "lowered": lowered_thresholds(web().config.prerequisites)}


def _page(row: UploadRow | None, message: str = "", *, ask_password: bool = False) -> str:
    return render_template(
        "imports/page.html",
        message=message,
        ask_password=ask_password,
        unfinished=[other for other in _unfinished() if row is None or other.id != row.id],
        listed=True,
        **_card(row),
    )
