"""Denied by default: who may come in, and the headers that every answer carries."""

from flask import Flask, Response, abort, current_app, redirect, render_template, request, url_for
from flask_login import current_user
from werkzeug.wrappers import Response as AnyResponse

from ospi_supervisor.domain.command_line import command_line
from ospi_supervisor.domain.limits import FORM_MAX_BYTES, MIB, SLICE_MAX_BYTES
from ospi_supervisor.errors import RefusedError
from ospi_supervisor.web.context import record_action, wants_json
from ospi_supervisor.web.errors import WORDS
from ospi_supervisor.web.kept_forms import kept_form, page_before
from ospi_supervisor.web.serving.body_limits import TOO_LARGE_HEADER

PUBLIC_ENDPOINTS = frozenset({"auth.sign_in", "auth.sign_out", "api.alive", "api.metrics", "static"})
"""All that needs no administrator: `api.metrics` asks for its own token, `auth.sign_out` only forgets."""

PATH_RECORDED = 200
"""How much of an address is recorded: whoever asks for it makes it as long as they like."""

OURS = "X-OSPI-Supervisor"
"""What tells our scripts an answer of the supervisor's from one of a filter's or a proxy's on the way."""

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
    app.before_request(refuse_service_worker)
    app.before_request(require_administrator)
    app.after_request(add_security_headers)


def refuse_service_worker() -> None:
    """No page of ours has one: on a shared origin, the platform's could make one of a file of ours."""
    if "Service-Worker" in request.headers:
        abort(403)


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
        return _ask_to_sign_in()
    if not current_user.is_administrator:
        record_action("accès refusé", f"{request.method} {request.path[:PATH_RECORDED]}", allowed=False)
        abort(403)
    _refuse_dropped_body()
    return None


def _ask_to_sign_in() -> AnyResponse:
    """The sign-in page, which leads back; what was typed into a form of ours goes through it."""
    if request.method == "GET":
        return redirect(url_for("auth.sign_in", next=request.full_path.rstrip("?")), 303)
    kept, next_page = kept_form(), page_before()
    if kept is None:
        return redirect(url_for("auth.sign_in", next=next_page), 303)
    page = render_template("auth/sign_in.html", kept=kept, next=next_page)
    return Response(page, 401, content_type="text/html; charset=utf-8")


def advice_on_size(endpoint: str) -> str:
    """What to do instead, where a body that was too large was not kept (`web.serving.body_limits`)."""
    if endpoint == "imports.plain_form":
        return (
            f"ce formulaire accepte les archives jusqu'à {FORM_MAX_BYTES // MIB} Mio ; pour une archive plus grande,"
            " activez JavaScript (la page l'envoie alors par tranches), ou utilisez sur le serveur la commande"
            f" « {command_line('import FICHIER')} »"
        )
    return f"une tranche compte {SLICE_MAX_BYTES // MIB} Mio au plus" if endpoint == "tus.append" else WORDS[413]


def _refuse_dropped_body() -> None:
    if f"HTTP_{TOO_LARGE_HEADER}" in request.environ:
        raise RefusedError(advice_on_size(request.endpoint or ""), code="too_large")


def add_security_headers(response: Response) -> Response:
    """The headers of every answer; a view may have set its own."""
    headers = response.headers
    headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("Referrer-Policy", "same-origin")
    headers.setdefault("X-Frame-Options", "SAMEORIGIN")
    headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    headers.setdefault(OURS, "1")
    if current_app.config["SESSION_COOKIE_NAME"].startswith("__Host-"):  # this host is ours, and ciphered
        headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    return response
