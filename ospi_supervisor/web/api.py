"""What programs read: states as JSON, an update's events as a stream or by polling, and two public probes."""

import hmac
from collections.abc import Callable
from time import monotonic

import msgspec
from flask import Blueprint, Response, abort, jsonify, request, url_for
from flask_login import current_user
from werkzeug.wrappers import Response as AnyResponse

from ospi_supervisor import VERSION_OF_WEB, __version__
from ospi_supervisor.domain.lifecycle import UpdateStatus
from ospi_supervisor.store.engine_documents import UpdateDocument
from ospi_supervisor.store.web_rows import UploadRow
from ospi_supervisor.web.broadcaster import document
from ospi_supervisor.web.context import asker, now, stored_number, web
from ospi_supervisor.web.errors import refusal
from ospi_supervisor.web.metrics import metrics_text

bp = Blueprint("api", __name__)

LOOPBACK = ("127.0.0.1", "::1")
"""A client behind the reverse proxy has its own address here."""

POLL_BATCH = 500
UPDATES = 50
"""How many updates one answer holds."""

POLL_INSTEAD_SECONDS = 2
LOOK_FOR_SESSION_SECONDS = 2.0


@bp.get("/sante")
def alive() -> Response:
    """That the web process works; and its version, told on this server alone."""
    response = Response("ok\n", content_type="text/plain; charset=utf-8")
    if request.remote_addr in LOOPBACK:
        response.headers[VERSION_OF_WEB] = __version__
    return response


@bp.get("/metrics")
def metrics() -> AnyResponse:
    """Prometheus text, for whoever shows the configured token (`Authorization: Bearer TOKEN`)."""
    token_file = web().config.supervisor.metrics_token_file
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    token = b"" if token_file is None else token_file.read_bytes().strip()
    if not token or not hmac.compare_digest(given.encode(), token):
        abort(403)
    text = metrics_text(web().config, web().operations, web().broadcaster.streams)
    return Response(text, content_type="text/plain; version=0.0.4; charset=utf-8")


@bp.get("/api/status")
def status() -> Response:
    """Where the platform stands."""
    return jsonify(web().operations.status())


@bp.get("/api/updates")
def updates() -> Response:
    """The updates, the newest first; `?before=N` goes on where the answer before ended, as its `Link` says."""
    before = None
    if "before" in request.args and (before := stored_number(request.args["before"])) is None:
        abort(400)
    found = web().operations.reader.updates(UPDATES + 1, before)
    response = jsonify(found[:UPDATES])
    if len(found) > UPDATES:
        response.headers["Link"] = f'<{url_for("api.updates", before=found[UPDATES - 1]["id"])}>; rel="next"'
    return response


@bp.get("/api/updates/<int:update_id>")
def update(update_id: int) -> Response:
    """One update and its phases."""
    return jsonify(_update(update_id))


@bp.get("/api/updates/<int:update_id>/events")
def events(update_id: int) -> AnyResponse:
    """What happened since the client's last event: streamed, or with `Accept: application/json` one batch."""
    after = _after()
    if request.accept_mimetypes.quality("application/json") > request.accept_mimetypes.quality("text/event-stream"):
        return _batch(update_id, after)
    reader = web().operations.reader
    finished = UpdateStatus(_update(update_id)["status"]).is_final
    if finished and after >= reader.end_of(update_id):
        return Response(status=204)  # tells EventSource not to come back
    response = Response(
        content_type="text/event-stream; charset=utf-8",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )
    if request.method == "HEAD":
        return response
    broadcaster = web().broadcaster
    subscription = broadcaster.subscribe(update_id, after)
    if subscription is None:
        full = refusal(503, "streams", "trop de flux ouverts ; interrogez cette adresse en JSON")
        full.headers["Retry-After"] = str(POLL_INSTEAD_SECONDS)
        return full
    response.response = broadcaster.stream(subscription, _is_over())
    response.call_on_close(lambda: broadcaster.leave(subscription))  # a stream that never began ends nowhere else
    return response


@bp.get("/api/automatic")
def automatic() -> Response:
    """The automatic update: conditions, connection, last check and run, next run."""
    return jsonify(web().operations.automatic.document())


@bp.get("/api/uploads/<upload_id>")
def upload(upload_id: str) -> Response:
    """One upload: its offset, its verdict, and what follows from it."""
    return jsonify(upload_document(web().operations.imports.current(upload_id, asker())))


def upload_document(row: UploadRow) -> dict[str, object]:
    """The upload as the contract's JSON, and what our script needs besides."""
    wish = row.import_requested
    return {
        "id": row.id,
        "filename": row.filename,
        "size": row.size,
        "offset": row.offset,
        "complete": row.complete,
        "verdict": row.verdict,
        "code": row.code,
        "reasons": row.reasons,
        "release": msgspec.to_builtins(row.release),
        "prerequisites": msgspec.to_builtins(row.prerequisites),
        "notice_sha256": row.notice_sha256,
        "notice_read": row.notice_read_at is not None,
        "import_requested": wish is not None,
        "import_error": wish.error if wish else None,
        "follow": url_for("updates.follow", demande=row.request) if row.request else None,
        "expires_at": row.expires_at.isoformat(),
    }


def _is_over() -> Callable[[], bool]:
    """What tells of the stream at work that its client has left, or that its session ended: nobody reads on who
    signed out, or whose account was removed. Watching is use: it keeps the session alive."""
    client_left: Callable[[], bool] = request.environ.get("waitress.client_disconnected", lambda: False)
    accounts, token = web().accounts, current_user.get_id()
    looked_at = monotonic()

    def is_over() -> bool:
        nonlocal looked_at
        if client_left():
            return True
        if monotonic() - looked_at < LOOK_FOR_SESSION_SECONDS:
            return False
        looked_at = monotonic()
        return accounts.session(token, now()) is None

    return is_over


def _update(update_id: int) -> UpdateDocument:
    found = web().operations.reader.update(update_id)
    if found is None:
        abort(404)
    return found


def _batch(update_id: int, after: int) -> Response:
    _update(update_id)
    found = web().operations.reader.events(update_id, after, POLL_BATCH)
    return jsonify(
        {
            "events": [{"id": event.id, "event": event.kind, "data": document(event)} for event in found],
            "last": found[-1].id if found else after,
        }
    )


def _after() -> int:
    """The number of the last event that the client has: `Last-Event-ID` when it reconnects, else `after`."""
    number = stored_number(request.headers.get("Last-Event-ID") or request.args.get("after", "0"))
    if number is None:
        abort(400)
    return number
