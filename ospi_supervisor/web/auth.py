"""Signing in again (the portal's session is not ours) and out."""

from flask import (
    Blueprint,
    abort,
    after_this_request,
    current_app,
    jsonify,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask_login import current_user, login_user, logout_user
from flask_wtf.csrf import generate_csrf
from werkzeug.wrappers import Response

from ospi_supervisor.domain.sign_in import BROWSER_KNOWN_FOR, with_token
from ospi_supervisor.errors import RefusedError
from ospi_supervisor.operations.accounts import SignedIn, Visitor
from ospi_supervisor.web.context import User, now, record_action, username, wants_json, web
from ospi_supervisor.web.errors import headers_of, status_of
from ospi_supervisor.web.kept_forms import opened
from ospi_supervisor.web.serving.body_limits import MAY_UPLOAD

bp = Blueprint("auth", __name__)

NOT_RECORDED = ("throttled", "name_too_long")
"""Refusals that anybody can bring about without end; the failure that led to the first of them is recorded."""


def load_user(token: str) -> User | None:
    """Flask-Login's user for the token in the cookie; None once its session has ended."""
    row = web().accounts.session(token, now())
    return None if row is None else User(token, row)


@bp.route("/connexion", methods=["GET", "POST"])
def sign_in() -> Response | str | tuple[str, int, dict[str, str]]:
    """The sign-in form. Programs, our dialog included, get and give JSON: `{"csrf_token", "username"}`."""
    if request.method == "GET":
        if wants_json():
            return jsonify({"csrf_token": generate_csrf(), "username": username()})
        return render_template("auth/sign_in.html", next=request.args.get("next", ""))
    name = request.form.get("username", "").strip()
    try:
        signed_in = _check_password(name, request.form.get("password", ""))
    except RefusedError as error:
        if wants_json():
            raise
        page = render_template(
            "auth/sign_in.html",
            message=str(error),
            username=name,
            next=request.form.get("next", ""),
            kept=request.form.get("kept"),
        )
        return page, status_of(error), headers_of(error)
    session.clear()  # a new session, a new CSRF token: nothing that was there before sign-in is trusted
    establish(signed_in)
    if wants_json():
        return jsonify({"csrf_token": generate_csrf(), "username": name})
    next_page = _safe_next(request.form.get("next", ""))
    form = opened(request.form.get("kept", ""))
    if form is not None:
        return render_template("auth/kept.html", form=form, next=next_page)
    return redirect(next_page, 303)


@bp.post("/deconnexion")
def sign_out() -> Response:
    """End the session on the server, wherever its cookie was copied to."""
    if current_user.is_authenticated:
        record_action("déconnexion")
        web().accounts.sign_out(current_user.get_id())
        logout_user()
    session.clear()
    return redirect(url_for("auth.sign_in"), 303)


def establish(signed_in: SignedIn) -> None:
    """Make the session that was opened the one of this browser."""
    user = load_user(signed_in.token)
    if user is None:  # the account was removed in this very instant
        abort(401)
    login_user(user)
    session[MAY_UPLOAD] = user.is_administrator


def confirm_recent_sign_in() -> None:
    """Pass where the password was given recently, or is given now (field `password`), else RefusedError
    `sign_in_again`. What the page holds stays valid: the form only asks for the password in place."""
    if current_user.signed_in_recently:
        return
    password = request.form.get("password", "")
    if not password:
        raise RefusedError("confirmez votre mot de passe pour continuer", code="sign_in_again")
    name, old = username(), current_user.get_id()
    try:
        signed_in = _check_password(name, password)
    except RefusedError as error:
        raise RefusedError(str(error), code="sign_in_again") from error
    web().accounts.sign_out(old)
    establish(signed_in)


def _check_password(name: str, password: str) -> SignedIn:
    try:
        visitor = Visitor(request.remote_addr or "", request.cookies.get(browser_cookie(), ""))
        signed_in = web().accounts.sign_in(name, password, visitor, now())
    except RefusedError as error:
        if error.code not in NOT_RECORDED:
            record_action("connexion refusée", str(error), actor=name, allowed=False)
        raise
    record_action("connexion", actor=name)
    _make_known(signed_in)
    return signed_in


def browser_cookie() -> str:
    """The name of the cookie that makes a browser known, of the session's own kind."""
    return f"{current_app.config['SESSION_COOKIE_NAME']}_navigateur"


def _make_known(signed_in: SignedIn) -> None:
    """Have the browser keep what makes it known at its next sign-in, whoever guesses meanwhile."""
    kept = with_token(request.cookies.get(browser_cookie(), ""), signed_in.browser)
    config = current_app.config

    @after_this_request
    def keep(response: Response) -> Response:
        response.set_cookie(
            browser_cookie(),
            kept,
            max_age=BROWSER_KNOWN_FOR,
            path=config["SESSION_COOKIE_PATH"],
            secure=config["SESSION_COOKIE_SECURE"],
            httponly=True,
            samesite="Strict",
        )
        return response


def _safe_next(target: str) -> str:
    """Where to go after sign-in: never to another host, whatever the link said."""
    root = url_for("pages.dashboard")
    # Browsers take `//` and `/\` for another host, and drop tabs and line breaks before they look.
    inside = target.startswith("/") and not target.startswith("//") and "\\" not in target and target.isprintable()
    if not inside:
        return root
    prefix = current_app.config["APPLICATION_ROOT"] + "/"
    return target if target.startswith(prefix) else root.rstrip("/") + target
