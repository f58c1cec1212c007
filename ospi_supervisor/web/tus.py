"""The resumable upload protocol tus 1.0.0 (https://tus.io/protocols/resumable-upload), server side: the core with
creation, checksum, expiration and termination. What it means is documented in `docs/api.md`."""

import base64
import hashlib
import hmac
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from flask import Blueprint, current_app, request, url_for
from werkzeug.http import http_date
from werkzeug.wrappers import Response

from ospi_supervisor.domain.limits import SLICE_MAX_BYTES
from ospi_supervisor.errors import RefusedError
from ospi_supervisor.store.web_rows import UploadRow
from ospi_supervisor.web.context import asker, record_action, stored_number, username, web
from ospi_supervisor.web.errors import refusal
from ospi_supervisor.web.serving.slices import Slice

bp = Blueprint("tus", __name__, url_prefix="/mises-a-jour/televersements")

VERSION = "1.0.0"
EXTENSIONS = "creation,checksum,expiration,termination"
CHECKSUMS = ("sha1", "sha256")
CHECKSUM_MISMATCH = 460  # the protocol's own
FILENAME_MAX = 200


@bp.before_request
def check_version() -> Response | None:
    """Refuse a client that speaks another version of the protocol."""
    if request.method == "OPTIONS" or request.headers.get("Tus-Resumable") == VERSION:
        return None
    return refusal(412, "version", f"cette adresse parle tus {VERSION} ; l'en-tête Tus-Resumable doit le dire")


@bp.after_app_request
def add_version(response: Response) -> Response:
    """Each answer from below this address names the protocol's version, whoever gives it."""
    if not request.path.startswith(bp.url_prefix or ""):
        return response
    response.headers["Tus-Resumable"] = VERSION
    if response.status_code == HTTPStatus.PRECONDITION_FAILED:
        response.headers["Tus-Version"] = VERSION
    return response


@bp.route("", methods=["OPTIONS"], provide_automatic_options=False)
@bp.route("/<upload_id>", methods=["OPTIONS"], provide_automatic_options=False)
def capabilities(upload_id: str = "") -> Response:
    """What this server can do."""
    headers = {
        "Tus-Version": VERSION,
        "Tus-Extension": EXTENSIONS,
        "Tus-Checksum-Algorithm": ",".join(CHECKSUMS),
        "Tus-Max-Size": str(web().config.supervisor.max_archive_bytes),
    }
    return Response(status=204, headers=headers)


@bp.post("", provide_automatic_options=False)
def create() -> Response:
    """A new upload; its address comes in `Location`."""
    length = stored_number(request.headers.get("Upload-Length", ""))
    if length is None:
        return refusal(400, "length", "l'en-tête Upload-Length doit donner la taille du fichier en octets")
    try:
        filename = read_metadata(request.headers.get("Upload-Metadata", "")).get("filename", "")
    except ValueError:  # not ASCII, not base 64, or not UTF-8 behind it
        return refusal(400, "metadata", "l'en-tête Upload-Metadata n'a pas la forme attendue par tus")
    row = web().operations.uploads.create(filename[:FILENAME_MAX] or "sans nom", length, username())
    record_action("envoi commencé", f"{row.filename}, {row.size} octets, {row.id}")
    headers = {"Location": url_for("tus.state", upload_id=row.id), **_headers(row)}
    return Response(status=201, headers=headers)


@bp.route("/<upload_id>", methods=["HEAD"], provide_automatic_options=False)
def state(upload_id: str) -> Response:
    """Where to go on. A refused upload is gone: a client that wanted to resume it begins anew."""
    row = web().operations.uploads.get(upload_id)
    if row.verdict == "refused":
        return refusal(410, row.code or "refused", " ; ".join(row.reasons))
    said = {"Upload-Length": str(row.size), "Upload-Metadata": _metadata_header(row), "Cache-Control": "no-store"}
    return Response(status=200, headers={**said, **_headers(row)})


@bp.patch("/<upload_id>", provide_automatic_options=False)
def append(upload_id: str) -> Response:
    """One slice. The one that reveals why the archive is refused, or the next one, is answered by that refusal."""
    offset = stored_number(request.headers.get("Upload-Offset", ""))
    if request.mimetype != "application/offset+octet-stream":
        return refusal(415, "type", "une tranche s'envoie en application/offset+octet-stream")
    if offset is None:
        return refusal(400, "offset", "l'en-tête Upload-Offset doit donner la position de la tranche")
    if (request.content_length or 0) > SLICE_MAX_BYTES:
        return refusal(413, "slice", f"une tranche compte {SLICE_MAX_BYTES} octets au plus")
    uploads = web().operations.uploads
    with _body() as data:
        damaged = _check_checksum(request.headers.get("Upload-Checksum"), data)
        if damaged is not None:
            return damaged
        try:
            row = uploads.append(upload_id, offset, data)
        except RefusedError as error:
            row = uploads.get(upload_id)
            if error.code == "offset":
                return _conflict(str(error), row)
            if row.verdict != "refused":
                raise
    if row.verdict == "refused":
        web().operations.imports.note_refusal(row, asker())
        return refusal(422, row.code or "refused", " ; ".join(row.reasons))
    if row.complete:
        record_action("envoi terminé", f"{row.filename}, {row.id}")
        web().operations.imports.go_on(row, asker())
    return Response(status=204, headers=_headers(row))


@bp.delete("/<upload_id>", provide_automatic_options=False)
def remove(upload_id: str) -> Response:
    """Give the upload up; its bytes go."""
    web().operations.imports.give_up(upload_id, asker())
    return Response(status=204)


def _headers(row: UploadRow) -> dict[str, str]:
    return {"Upload-Offset": str(row.offset), "Upload-Expires": http_date(row.expires_at)}


def _metadata_header(row: UploadRow) -> str:
    """What was said of the upload, as it was said (tus 1.0.0: HEAD gives it back)."""
    return f"filename {base64.b64encode(row.filename.encode()).decode('ascii')}"


def _conflict(message: str, row: UploadRow) -> Response:
    response = refusal(409, "offset", message)
    response.headers.extend(_headers(row))
    return response


def read_metadata(header: str) -> dict[str, str]:
    """What `Upload-Metadata` holds; ValueError where it has not the form that tus gives it."""
    pairs = (pair.strip().partition(" ") for pair in header.split(",") if pair.strip())
    metadata: dict[str, str] = {}
    for name, _, value in pairs:
        if name in metadata:
            raise ValueError(f"{name}: given twice")
        metadata[name] = base64.b64decode(value, validate=True).decode()
    return metadata


@contextmanager
def _body() -> Iterator[memoryview]:
    """The request's body without a copy of it. Its memory goes before the answer does, which brings the next slice."""
    stream = request.environ["wsgi.input"]
    if isinstance(stream, Slice):
        with stream.view() as view:
            yield view
    else:
        yield memoryview(request.get_data())


def _check_checksum(header: str | None, data: memoryview) -> Response | None:
    if header is None:
        return None
    algorithm, _, encoded = header.partition(" ")
    if algorithm not in CHECKSUMS:
        return refusal(400, "checksum", f"sommes de contrôle acceptées : {', '.join(CHECKSUMS)}")
    try:
        expected = base64.b64decode(encoded, validate=True)
    except ValueError:
        return refusal(400, "checksum", "la somme de contrôle n'est pas en base 64")
    if not hmac.compare_digest(hashlib.new(algorithm, data).digest(), expected):
        current_app.logger.warning("a slice arrived damaged; the client is asked to send it again")
        return refusal(CHECKSUM_MISMATCH, "checksum", "la tranche est arrivée abîmée ; renvoyez-la")
    return None
