"""What programs read: states as JSON, an update's events as a stream or by polling, and two public probes."""

import hmac
from collections.abc import Callable
from time import monotonic
from typing import Any

from flask import Blueprint, Response, abort, jsonify, request, url_for
from flask_login import current_user
from werkzeug.wrappers import Response as AnyResponse

from ospi_supervisor.domain.lifecycle import UpdateStatus
from ospi_supervisor.store.web_rows import UploadRow
from ospi_supervisor.web.context import now, stored_number, web
from ospi_supervisor.web.errors import answer
from ospi_supervisor.web.hub import document
from ospi_supervisor.web.imports import current

bp = Blueprint("api", __name__)

POLL_BATCH = 500
POLL_INSTEAD_SECONDS = 2
LOOK_FOR_SESSION_SECONDS = 2.0


@bp.get("/sante")
def alive() -> Response:
    """That the web process works."""
    return Response("ok\n", content_type="text/plain; charset=utf-8")


@bp.get("/metrics")
def metrics() -> AnyResponse:
    """Prometheus text, for whoever shows the configured token (`Authorization: Bearer TOKEN`)."""
    token_file = web().config.supervisor.metrics_token_file
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    token = b"" if token_file is None else token_file.read_bytes().strip()
    if not token or not hmac.compare_digest(given.encode(), token):
        abort(403)
    operations = web().operations
    status = operations.status()
    counts = dict.fromkeys(UpdateStatus, 0)
    for update in operations.reader.updates():
        counts[UpdateStatus(update["status"])] += 1
    lines = [
        "# TYPE ospi_worker_up gauge",
        f"ospi_worker_up {int(status['worker'] == 'up')}",
        "# TYPE ospi_maintenance gauge",
        f"ospi_maintenance {int(bool(status['maintenance']))}",
        "# TYPE ospi_event_streams gauge",
        f"ospi_event_streams {web().hub.streams}",
        "# TYPE ospi_updates gauge",
        *(f'ospi_updates{{status="{name}"}} {count}' for name, count in counts.items()),
    ]
    return Response("\n".join(lines) + "\n", content_type="text/plain; version=0.0.4; charset=utf-8")


@bp.get("/api/status")
def status() -> Response:
    """Where the platform stands."""
    return jsonify(web().operations.status())


@bp.get("/api/updates")
def updates() -> Response:
    """Every update, the newest first."""
    return jsonify(web().operations.reader.updates())


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
    hub = web().hub
    subscription = hub.subscribe(update_id, after)
    if subscription is None:
        refusal = answer(503, "streams", "trop de flux ouverts ; interrogez cette adresse en JSON")
        refusal.headers["Retry-After"] = str(POLL_INSTEAD_SECONDS)
        return refusal
    response.response = hub.stream(subscription, _is_over())
    response.call_on_close(lambda: hub.leave(subscription))  # a stream that never began ends nowhere else
    return response


@bp.get("/api/automatic")
def automatic() -> Response:
    """The automatic update: conditions, connection, last check and run, next run."""
    return jsonify(web().operations.automatic.document())


@bp.get("/api/uploads/<upload_id>")
def upload(upload_id: str) -> Response:
    """One upload: its offset, its verdict, and what follows from it."""
    return jsonify(upload_document(current(upload_id)))


def upload_document(row: UploadRow) -> dict[str, Any]:
    """The upload as the contract's JSON, and what our script needs besides."""
    wanted = row.import_requested or {}
    return {
        "id": row.id,
        "filename": row.filename,
        "size": row.size,
        "offset": row.offset,
        "complete": row.complete,
        "verdict": row.verdict,
        "code": row.code,
        "reasons": row.reasons,
        "release": row.release,
        "prerequisites": row.prerequisites,
        "notice_sha256": row.notice_sha256,
        "notice_read": row.notice_read_at is not None,
        "import_requested": bool(wanted),
        "import_error": wanted.get("error"),
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


def _update(update_id: int) -> dict[str, Any]:
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
