"""Denied by default: who may come in, and the headers that every answer carries."""

from flask import Flask, Response, abort, redirect, request, url_for
from flask_login import current_user
from werkzeug.wrappers import Response as AnyResponse

from ospi_supervisor.errors import RefusedError
from ospi_supervisor.web.context import record, wants_json
from ospi_supervisor.web.errors import WORDS
from ospi_supervisor.web.intake import TOO_LARGE_HEADER

PUBLIC_ENDPOINTS = frozenset({"auth.sign_in", "auth.sign_out", "api.alive", "api.metrics", "static"})
"""All that needs no administrator: `api.metrics` asks for its own token, `auth.sign_out` only forgets."""

PATH_RECORDED = 200
"""How much of an address is recorded: whoever asks for it makes it as long as they like."""

TOO_LARGE = {
    "imports.plain_form": "ce formulaire accepte les archives jusqu'à 64 Mio ; pour une archive plus grande, activez"
    " JavaScript (la page l'envoie alors par tranches), ou utilisez sur le serveur la commande « ospi-supervisor import"
    " FICHIER »",
    "tus.append": "une tranche compte 8 Mio au plus",
}
"""What to do instead, where a body that was too large was not kept (`web.intake`)."""

CONTENT_SECURITY_POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "frame-src 'self'",
        "object-src 'self'",  # the notice is shown in the page
        "form-action 'self'",
        "frame-ancestors 'self'",
        "base-uri 'none'",
    ]
)


def init_app(app: Flask) -> None:
    """Put the guard before, and the headers after, every view of `app`."""
    app.before_request(require_administrator)
    app.after_request(add_security_headers)


def require_administrator() -> AnyResponse | None:
    """Let administrators through; 403 for any other account; sign-in (401 for programs) for anybody else.

    An address that does not exist is guarded too.
    """
    if request.endpoint in PUBLIC_ENDPOINTS:
        _refuse_dropped_body()
        return None
    if not current_user.is_authenticated:
        if wants_json():
            abort(401)
        next_page = request.full_path.rstrip("?") if request.method == "GET" else None
        return redirect(url_for("auth.sign_in", next=next_page), 303)
    if not current_user.is_administrator:
        record("accès refusé", f"{request.method} {request.path[:PATH_RECORDED]}", allowed=False)
        abort(403)
    _refuse_dropped_body()
    return None


def _refuse_dropped_body() -> None:
    if f"HTTP_{TOO_LARGE_HEADER}" in request.environ:
        raise RefusedError(TOO_LARGE.get(request.endpoint or "", WORDS[413]), code="too_large")


def add_security_headers(response: Response) -> Response:
    """The headers of every answer; a view may have set its own."""
    headers = response.headers
    headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("Referrer-Policy", "same-origin")
    headers.setdefault("X-Frame-Options", "SAMEORIGIN")
    headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    if request.endpoint != "static":
        headers.setdefault("Cache-Control", "no-store")
    return response
