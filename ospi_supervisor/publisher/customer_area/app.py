"""The customer area as a WSGI application: sign-in, « Mes logiciels », downloads, and the static repository."""

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote

from flask import (
    Blueprint,
    Flask,
    Response,
    abort,
    current_app,
    g,
    redirect,
    render_template,
    request,
    send_file,
    send_from_directory,
    session,
    url_for,
)
from flask.sessions import SecureCookieSessionInterface
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError, CSRFProtect
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.wrappers import Response as BaseResponse

from ospi_supervisor.domain.offers import Offer, OfferKind
from ospi_supervisor.domain.sign_in import BROWSER_KNOWN_FOR, BROWSER_PREFIX, browser_token, known_browser, with_token
from ospi_supervisor.domain.typography import typeset_html
from ospi_supervisor.domain.words import sentence, size
from ospi_supervisor.errors import ThrottledError, printable
from ospi_supervisor.publisher.customer_area.catalogue import date_words, lines, needs_words
from ospi_supervisor.publisher.customer_area.customers import Customer, Customers
from ospi_supervisor.publisher.customer_area.sessions import Proven, Sessions, Throttle
from ospi_supervisor.publisher.repository import Repository

PUBLIC = frozenset({"area.sign_in", "area.repository_file", "static"})
"""All that answers without a sign-in; the repository is public, its signatures protect it."""

_CSP = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

_BROWSER = "espace_navigateur"

area = Blueprint("area", __name__)


def make_area(
    repository: Repository, customers: Customers, *, accel: str | None = None, private: bool = False
) -> Flask:
    """The application. `accel` is nginx's internal address of the folder `targets/`, where nginx fronts it; `private`
    is whether the repository's archives are for customers alone, servers giving name and password with each request.
    """
    app = Flask("ospi_supervisor.publisher.customer_area")
    app.config.update(
        SECRET_KEY=secrets.token_bytes(32),  # sessions live in this process only
        SESSION_COOKIE_NAME="espace_utilisateur",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        WTF_CSRF_TIME_LIMIT=None,
    )
    app.session_interface = _SessionInterface()
    app.extensions["area"] = _Parts(repository, customers, accel, private)
    app.jinja_env.finalize = lambda value: printable(value) if type(value) is str else value
    app.jinja_env.globals.update(size_words=size, date_words=date_words, needs_words=needs_words)
    CSRFProtect(app)
    app.register_blueprint(area)
    for error in (403, 404, 405, 413, 500):
        app.register_error_handler(error, _error_page)
    app.register_error_handler(CSRFError, _stale_form)
    return app


class _Parts:
    """What the views work with."""

    def __init__(self, repository: Repository, customers: Customers, accel: str | None, private: bool) -> None:
        self.repository, self.customers, self.accel, self.private = repository, customers, accel, private
        self.proven = Proven()
        self.sessions, self.throttle = Sessions(), Throttle()


class _SessionInterface(SecureCookieSessionInterface):
    """Cookies are marked Secure whenever the visitor came over TLS (as the trusted proxy says)."""

    def get_cookie_secure(self, app: Flask) -> bool:
        return request.is_secure


def _parts() -> _Parts:
    parts: _Parts = current_app.extensions["area"]
    return parts


@area.before_app_request
def _deny_by_default() -> ResponseReturnValue | None:
    g.customer, g.name = _signed_in()
    if g.customer is None and request.endpoint not in PUBLIC:
        return redirect(url_for("area.sign_in"))
    return None


def _signed_in() -> tuple[Customer | None, str]:
    found = _parts().sessions.find(session.get("token", ""), datetime.now(UTC))
    customer = _parts().customers.all().get(found[0]) if found else None
    if found is None or customer is None or customer.password != found[1]:
        return None, ""
    return customer, found[0]


@area.after_app_request
def _harden(response: Response) -> Response:
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Referrer-Policy", "same-origin")
    if response.mimetype == "text/html":
        response.headers["Content-Security-Policy"] = _CSP
        response.headers["Cache-Control"] = "no-store"
        response.set_data(typeset_html(response.get_data(as_text=True)))
    return response


@area.route("/connexion", methods=["GET", "POST"])
def sign_in() -> ResponseReturnValue:
    """The sign-in page."""
    if request.method == "GET":
        return redirect(url_for("area.software")) if g.customer else render_template("sign_in.html", error=None)
    name, now, parts = request.form.get("username", "").strip(), datetime.now(UTC), _parts()
    browser = _known_browser(name)
    origin = f"{BROWSER_PREFIX}{browser}" if browser else request.remote_addr or ""
    try:
        with parts.throttle.attempt(name, origin, now) as failed:
            customer = parts.customers.check(name, request.form.get("password", ""))
            if customer is None:
                failed()
    except ThrottledError as error:
        page = render_template("sign_in.html", error=sentence(str(error)))
        return page, HTTPStatus.TOO_MANY_REQUESTS, {"Retry-After": str(error.retry_after)}
    if customer is None:
        words = "Identifiant ou mot de passe inconnu. Ce ne sont pas ceux de votre plateforme PMSIpilot."
        if parts.customers.some_must_renew():  # told to everybody: it is not said who has an account, and since when
            words += " Si vous avez le vôtre depuis longtemps, il doit être remplacé : demandez-en un au support."
        return render_template("sign_in.html", error=words), HTTPStatus.FORBIDDEN
    session.clear()
    session["token"] = parts.sessions.begin(name, customer.password, now)
    answer = redirect(url_for("area.software"), HTTPStatus.SEE_OTHER)
    _make_known(answer, browser_token(name, customer.password, browser or secrets.token_hex(16)))
    return answer


def _known_browser(name: str) -> str | None:
    """Which browser this is, where that customer has signed in from it before."""
    customer = _parts().customers.all().get(name)
    return known_browser(request.cookies.get(_BROWSER, ""), name, customer.password) if customer else None


def _make_known(answer: BaseResponse, token: str) -> None:
    """Have the browser keep what makes it known at its next sign-in, whoever guesses meanwhile."""
    kept = with_token(request.cookies.get(_BROWSER, ""), token)
    answer.set_cookie(
        _BROWSER, kept, max_age=BROWSER_KNOWN_FOR, secure=request.is_secure, httponly=True, samesite="Strict"
    )


@area.post("/deconnexion")
def sign_out() -> ResponseReturnValue:
    """End the session."""
    _parts().sessions.end(session.get("token", ""))
    session.clear()
    return redirect(url_for("area.sign_in"), HTTPStatus.SEE_OTHER)


@area.get("/")
def home() -> ResponseReturnValue:
    """The only tab there is."""
    return redirect(url_for("area.software"))


@area.get("/logiciels")
def software() -> ResponseReturnValue:
    """« Mes logiciels »."""
    return render_template("software.html", lines=lines(_parts().repository.offers(), g.customer.products))


@area.get("/telecharger/<product>/<filename>")
def download(product: str, filename: str) -> ResponseReturnValue:
    """An archive, resumable by ranges, or a notice; of the customer's products only."""
    if product not in g.customer.products:
        abort(HTTPStatus.FORBIDDEN)
    wanted = f"{product}/{filename}"
    offer = next((offer for offer in _parts().repository.offers() if offer.path == wanted), None)
    if offer is None:
        abort(HTTPStatus.NOT_FOUND)
    accel = _parts().accel
    return _sent_by_nginx(offer, accel) if accel else _sent(offer)


def _sent(offer: Offer) -> Response:
    path = (_parts().repository.targets / offer.stored_path).resolve()
    try:
        return send_file(path, etag=offer.sha256, max_age=0, **_presentation(offer))
    except FileNotFoundError:  # withdrawn since it was listed
        abort(HTTPStatus.NOT_FOUND)


def _sent_by_nginx(offer: Offer, accel: str) -> Response:
    kind = _presentation(offer)
    response = Response(mimetype=kind["mimetype"])
    response.headers["X-Accel-Redirect"] = accel.rstrip("/") + "/" + quote(offer.stored_path)
    disposition = "attachment" if kind["as_attachment"] else "inline"
    response.headers.set("Content-Disposition", disposition, filename=offer.filename)
    return response


def _presentation(offer: Offer) -> Mapping[str, Any]:
    """An archive is saved as it is (browsers unpack what they take for a tar); a notice is read in place."""
    is_notice = offer.kind is OfferKind.NOTICE
    return {
        "mimetype": "application/pdf" if is_notice else "application/octet-stream",
        "as_attachment": not is_notice,
        "download_name": offer.filename,
    }


@area.get("/repository/<any(metadata, targets):folder>/<path:name>")
def repository_file(folder: str, name: str) -> ResponseReturnValue:
    """The static repository, for the automatic update."""
    if any(part.startswith(".") for part in Path(name).parts):
        abort(HTTPStatus.NOT_FOUND)
    parts = _parts()
    if parts.private and folder == "targets" and not _may_fetch(name.partition("/")[0]):
        answer = Response("Ce fichier est réservé aux clients de l'éditeur.\n", HTTPStatus.UNAUTHORIZED)
        answer.www_authenticate = WWWAuthenticate("basic", {"realm": "Espace utilisateur"})
        return answer
    root = (parts.repository.folder / folder).resolve()
    response = send_from_directory(root, name, mimetype=_repository_type(name))
    # `timestamp.json` alone ever changes; the rest bears its version or its hash in its name.
    response.headers["Cache-Control"] = "no-cache" if name == "timestamp.json" else _caching(private=parts.private)
    return response


def _caching(*, private: bool) -> str:
    return f"{'private' if private else 'public'}, max-age=31536000, immutable"


def _may_fetch(product: str) -> bool:
    """Whether a customer of `product` asks, signed in or by name and password."""
    customer = g.customer or _given_account()
    return customer is not None and product in customer.products


def _given_account() -> Customer | None:
    given, parts = request.authorization, _parts()
    if given is None or given.type != "basic":
        return None
    name, password = given.username or "", given.password or ""
    known = parts.proven.find(parts.customers, name, password)
    if known is not None:
        return known
    try:
        with parts.throttle.attempt(name, request.remote_addr or "", datetime.now(UTC)) as failed:
            customer = parts.customers.check(name, password)
            if customer is None:
                failed()
    except ThrottledError:
        return None
    if customer is not None:
        parts.proven.note(name, password, customer)
    return customer


def _repository_type(name: str) -> str:
    return "application/json" if name.endswith(".json") else "application/octet-stream"


_ERRORS = {
    403: ("Accès refusé", "Ce logiciel ne fait pas partie des vôtres. Contactez le support si c'est une erreur."),
    404: ("Page introuvable", "Cette page ou ce fichier n'existe pas, ou n'est plus proposé."),
    405: ("Demande impossible", "Cette adresse ne s'utilise pas ainsi."),
    413: ("Demande trop longue", "Ce qui a été envoyé dépasse ce que cette page reçoit."),
    500: ("Erreur du service", "Le service n'a pas pu répondre. Réessayez, puis contactez le support."),
}


def _error_page(error: Any) -> ResponseReturnValue:
    title, words = _ERRORS[error.code]
    return render_template("error.html", title=title, words=words), error.code


def _stale_form(_: Any) -> ResponseReturnValue:
    error = "La page était ouverte depuis trop longtemps : recommencez."
    return render_template("sign_in.html", error=error), HTTPStatus.BAD_REQUEST
