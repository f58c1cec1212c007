"""Every error as an answer: JSON for programs, a page in plain words for people."""

from flask import Flask, current_app, jsonify, render_template, request
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from ospi_supervisor.errors import BusyError, RefusedError, SupervisorError, ThrottledError
from ospi_supervisor.web.context import wants_json

STATUS_OF_CODE = {
    "credentials": 401,
    "sign_in_again": 403,
    "unknown": 404,
    "offset": 409,
    "not_yet": 409,
    "in_use": 409,
    "notice_not_read": 409,
    "expired": 410,
    "too_large": 413,
    "in_progress": 423,
    "throttled": 429,
    "no_room": 507,
}
"""The HTTP status of a refusal, by its code; 422 for any other (an archive that is not accepted)."""

WORDS = {
    400: "la requête est incomplète ou mal formée",
    401: "la session est terminée ; connectez-vous",
    403: "cette application est réservée aux comptes du groupe « administration system »",
    404: "cette page n'existe pas",
    405: "cette adresse n'accepte pas cette méthode",
    413: "l'envoi dépasse la limite de cette adresse",
    500: "une erreur inattendue est survenue ; réessayez, puis contactez le support si elle persiste",
}


def init_app(app: Flask) -> None:
    """Answer the errors of `app`."""
    app.register_error_handler(RefusedError, _refused)
    app.register_error_handler(SupervisorError, _unavailable)
    app.register_error_handler(CSRFError, _csrf)
    app.register_error_handler(HTTPException, _http)


def status_of(error: RefusedError) -> int:
    """The HTTP status that says best why it is refused."""
    return 409 if isinstance(error, BusyError) else STATUS_OF_CODE.get(error.code, 422)


def headers_of(error: RefusedError) -> dict[str, str]:
    """What a client is told beside the words: when to try again."""
    return {"Retry-After": str(error.retry_after)} if isinstance(error, ThrottledError) else {}


def refusal(status: int, code: str, message: str) -> Response:
    """The error as the client wants it."""
    if wants_json():
        response = jsonify({"code": code, "message": message})
        response.status_code = status
        return response
    return Response(
        render_template("error.html", status=status, message=message), status, content_type="text/html; charset=utf-8"
    )


def _refused(error: RefusedError) -> Response:
    response = refusal(status_of(error), error.code, str(error))
    response.headers.update(headers_of(error))
    return response


def _unavailable(error: SupervisorError) -> Response:
    return refusal(503, "unavailable", str(error))


def _csrf(error: CSRFError) -> Response:
    if current_app.config["SESSION_COOKIE_NAME"] not in request.cookies:
        return refusal(
            400,
            "cookies",
            "ce navigateur ne renvoie pas le cookie du Superviseur, sans lequel il ne peut pas vous reconnaître ;"
            " autorisez les cookies pour cette adresse, puis recommencez",
        )
    return refusal(400, "csrf", "le formulaire a expiré ; rechargez la page et recommencez")


def _http(error: HTTPException) -> Response:
    status = error.code or 500
    response = refusal(status, str(status), WORDS.get(status, "la requête ne peut pas être traitée"))
    allowed = getattr(error, "valid_methods", None)
    if allowed:
        response.headers["Allow"] = ", ".join(allowed)
    return response
