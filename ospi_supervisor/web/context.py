"""What views work with, and the few questions that all of them ask."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

from flask import current_app, request
from flask_login import UserMixin, current_user
from werkzeug.routing import IntegerConverter, Map
from werkzeug.wrappers import Response

from ospi_supervisor.config.tables import Config
from ospi_supervisor.domain.requests import LAST_NUMBER, Asked, Asker, Source
from ospi_supervisor.operations.accounts import Accounts, is_recent
from ospi_supervisor.operations.requests import Operations
from ospi_supervisor.store.engine_documents import Answer
from ospi_supervisor.store.web_rows import RequestRow, SessionRow
from ospi_supervisor.web.broadcaster import Broadcaster

EXTENSION = "ospi_supervisor"


@dataclass(frozen=True)
class Web:
    """The parts that `create_app` was given or made."""

    config: Config
    operations: Operations
    accounts: Accounts
    broadcaster: Broadcaster
    make_bundle: Callable[[], bytes]


class User(UserMixin):  # type: ignore[misc]  # Flask-Login publishes no types
    """Whoever is signed in; Flask-Login keeps the session's token as its identifier."""

    def __init__(self, token: str, session: SessionRow) -> None:
        self.token = token
        self.username = session.account.username
        self.is_administrator = session.account.is_administrator
        self.signed_in_recently = is_recent(session, now())

    def get_id(self) -> str:
        """What the (signed) cookie carries."""
        return self.token


def web() -> Web:
    """The parts of the application at work."""
    return cast(Web, current_app.extensions[EXTENSION])


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


def username() -> str:
    """Who is signed in; empty where nobody is."""
    return str(getattr(current_user, "username", ""))


class StoredNumber(IntegerConverter):
    """`<int:…>` in a route: a number that a database can hold, or the page is not found."""

    def __init__(self, url_map: Map) -> None:
        super().__init__(url_map, max=LAST_NUMBER)


def stored_number(text: str) -> int | None:
    """The number that `text` writes in digits; None where it writes none, or one that a database cannot hold."""
    # Its length first: a number of thousands of digits is not to be read at all.
    if not text.isascii() or not text.isdigit() or len(text) > len(str(LAST_NUMBER)):
        return None
    number = int(text)
    return number if number <= LAST_NUMBER else None


def number_in_address(name: str) -> int | None:
    """The number that the address gives under that name; None where it gives none, or one that nothing can have."""
    return stored_number(request.args.get(name, ""))


def request_in_address(*kinds: type[Asked]) -> tuple[RequestRow | None, Answer | None]:
    """The request of one of those kinds that the address gives as `demande`, and the worker's answer to it; None for
    what there is not, or not yet."""
    number = number_in_address("demande")
    asked = None if number is None else web().operations.web.request(number)
    if asked is None or asked.kind not in [kind.kind for kind in kinds]:
        return None, None
    return asked, web().operations.reader.answer(asked.id)


def record_action(action: str, detail: str = "", *, allowed: bool = True, actor: str | None = None) -> None:
    """One line of the « traçabilité » for the request at work."""
    web().operations.web.record_action(
        action,
        actor=username() if actor is None else actor,
        now=now(),
        address=request.remote_addr or "",
        detail=detail,
        allowed=allowed,
    )


def asker() -> Asker:
    """Who asks, in the request at work."""
    return Asker(username(), Source.IMPORT, request.remote_addr or "")


def pdf(data: bytes, version: str) -> Response:
    """The notice of `version`, for the browser's own reader; saved, its name says which it is."""
    response = Response(data, content_type="application/pdf")
    # That reader is a page that our policy would stop; this says all that matters here.
    response.headers["Content-Security-Policy"] = "frame-ancestors 'self'"
    response.headers["Content-Disposition"] = f'inline; filename="notice-{version}.pdf"'
    return response


def wants_json() -> bool:
    """Whether the client is a program. One that does not say (`*/*`) is, on a program's address."""
    accepts = request.accept_mimetypes
    html, json = accepts.quality("text/html"), accepts.quality("application/json")
    if html == json:
        return request.path.startswith(("/api/", "/mises-a-jour/televersements"))
    return json > html
