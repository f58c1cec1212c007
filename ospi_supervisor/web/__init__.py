"""The pages, the upload and the programs' addresses, below the prefix. A view never acts on the system."""

import secrets
from collections.abc import Callable
from pathlib import Path

from flask import Flask
from flask_login import LoginManager
from flask_wtf.csrf import CSRFProtect

from ospi_supervisor.config.tables import Config
from ospi_supervisor.domain.limits import FORM_MAX_BYTES
from ospi_supervisor.operations.accounts import Accounts
from ospi_supervisor.operations.requests import Operations
from ospi_supervisor.system.files import give_to_owner_of_folder, write_atomically
from ospi_supervisor.web import (
    api,
    auth,
    automatic,
    backups,
    delivery,
    errors,
    guard,
    help_pages,
    hour_forms,
    hours,
    imports,
    labels,
    messages,
    pages,
    settings,
    support,
    tus,
    updates,
    validation,
)
from ospi_supervisor.web.broadcaster import Broadcaster
from ospi_supervisor.web.context import EXTENSION, StoredNumber, Web

STATIC_FOLDER = Path(__file__).resolve().parent.parent / "static"


def create_app(config: Config, operations: Operations, make_bundle: Callable[[], bytes]) -> Flask:
    """The WSGI application, to be mounted at `supervisor.url_prefix` (see `web.server.mount`).

    `make_bundle` gathers the support's diagnostics.
    """
    app = Flask("ospi_supervisor", static_url_path=delivery.static_address(STATIC_FOLDER))
    app.config.from_mapping(_settings(config))
    app.url_map.converters["int"] = StoredNumber
    broadcaster = Broadcaster(operations.reader)
    app.json.ensure_ascii = False  # type: ignore[attr-defined]  # Flask's default provider has it
    app.extensions[EXTENSION] = Web(config, operations, Accounts(operations.web), broadcaster, make_bundle)
    delivery.init_app(app)  # what is registered first sees an answer last
    login = LoginManager(app)
    login.session_protection = None  # sessions are kept on the server, and an address may change in a hospital
    login.user_loader(auth.load_user)
    guard.init_app(app)  # before CSRF: who may not come in learns nothing else
    CSRFProtect(app)
    errors.init_app(app)
    labels.init_app(app)
    hour_forms.init_app(app)
    for blueprint in (
        auth.bp,
        pages.bp,
        updates.bp,
        validation.bp,
        imports.bp,
        hours.bp,
        support.bp,
        automatic.bp,
        backups.bp,
        settings.bp,
        messages.bp,
        help_pages.bp,
        tus.bp,
        api.bp,
    ):
        app.register_blueprint(blueprint)
    return app


def _settings(config: Config) -> dict[str, object]:
    prefix = config.supervisor.url_prefix
    # Under its own host name the cookie is this host's alone: browsers take `__Host-` from no other host.
    is_host_cookie = config.supervisor.secure_cookies and config.has_own_https_host
    return {
        "SECRET_KEY": _secret_key(config.paths.secret_key),
        "APPLICATION_ROOT": prefix,
        "SESSION_COOKIE_NAME": f"{'__Host-' if is_host_cookie else ''}ospi_superviseur{config.suffix}",
        "SESSION_COOKIE_PATH": "/" if is_host_cookie else prefix,
        "SESSION_COOKIE_SECURE": config.supervisor.secure_cookies,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "MAX_CONTENT_LENGTH": FORM_MAX_BYTES + 1024 * 1024,  # the form's other fields and its boundaries
        "WTF_CSRF_TIME_LIMIT": None,  # an upload may outlive any limit; the token dies with the session
        "WTF_CSRF_SSL_STRICT": False,  # official tus clients send no Referer; the token itself is required
        "TRAP_BAD_REQUEST_ERRORS": False,
    }


def _secret_key(path: Path) -> str:
    """The key that signs cookies, made at the first start; only the web account can read it."""
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_atomically(path, secrets.token_hex(32).encode(), mode=0o600)
        give_to_owner_of_folder(path)
    return path.read_text()
