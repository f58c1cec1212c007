"""The dashboard and the « traçabilité »."""

from collections.abc import Iterator

from flask import Blueprint, render_template, request
from markupsafe import Markup
from werkzeug.wrappers import Response

from ospi_supervisor.errors import PlatformError
from ospi_supervisor.store.automatic_documents import AutomaticDocument
from ospi_supervisor.store.searches import AuditSearch
from ospi_supervisor.store.web_rows import AuditRow
from ospi_supervisor.store.web_store import WebStore
from ospi_supervisor.web.context import now, record_action, web
from ospi_supervisor.web.dashboard import CHARTED, charted_phases, durations, gauges, installed_since, last_backup
from ospi_supervisor.web.lists import ROWS, Asked, as_csv
from ospi_supervisor.web.situations import pill_of, situation_now

bp = Blueprint("pages", __name__)

CSV_PAGE = 500
AUDIT_COLUMNS = ("id", "at", "actor", "action", "detail", "address", "allowed")
AUDIT_VIEWS = {"": None, "actions": True, "refus": False}
"""What `?voir=` asks for: everything, what was done, or what was refused."""


@bp.app_context_processor
def add_to_every_page() -> dict[str, object]:
    """What the frame around every page shows; what is to be called is for the pages of those who may see it."""
    parts = web()
    return {
        "platform": parts.config.platform,
        "support": parts.config.support,
        "current_state": parts.operations.status,
        "situation_now": situation_now,
        "pill_of": pill_of,
        "has_notice": lambda update: parts.operations.kept_notice(update) is not None,
        "server_time": _server_time,
    }


def _server_time() -> Markup:
    """What time it is on the server and in which zone; our script has it go on while the page is open."""
    moment = now().astimezone()
    return Markup('<time data-clock="{}">{}</time> ({})').format(
        moment.isoformat(timespec="seconds"), f"{moment:%H:%M}", f"{moment:%Z}"
    )


@bp.get("/")
def dashboard() -> str:
    """The platform at a glance."""
    operations = web().operations
    latest = operations.reader.updates(1)
    charted = durations(operations.reader.succeeded(CHARTED))
    automatic = _automatic()
    check = automatic["last_check"] if automatic else None
    return render_template(
        "pages/dashboard.html",
        latest=latest[0] if latest else None,
        since=installed_since(operations.status()["version"]),
        backup=last_backup(),
        automatic=automatic,
        available=check["available"] if check else None,
        gauges=gauges(),
        durations=charted,
        charted_phases=charted_phases(charted),
        expected=charted[-1] if charted else None,
    )


def _automatic() -> AutomaticDocument | None:
    """None where the installed version, and so what may be offered, is unknown."""
    try:
        return web().operations.automatic.document()
    except PlatformError:
        return None


@bp.get("/tracabilite")
def audit() -> str:
    """Who did what, the newest first; what is looked for as `lists.Asked` has it, and `voir`, a kind of lines."""
    asked, view, search = _asked_for()
    lines = web().operations.web.audit(ROWS + 1, before=asked.before, search=search)
    return render_template(
        "pages/audit.html",
        lines=lines[:ROWS],
        older=len(lines) > ROWS,
        asked=asked,
        view=view,
        query=asked.query() | ({"voir": view} if view else {}),
    )


@bp.get("/tracabilite.csv")
def audit_csv() -> Response:
    """Every line that is looked for, the newest first."""
    search = _asked_for()[2]
    record_action("traçabilité téléchargée")
    rows = ([getattr(line, name) for name in AUDIT_COLUMNS] for line in _every_line(web().operations.web, search))
    return as_csv("tracabilite.csv", AUDIT_COLUMNS, rows)


def _every_line(store: WebStore, search: AuditSearch) -> Iterator[AuditRow]:
    """Read little by little, so that their number does not matter."""
    page = store.audit(CSV_PAGE, search=search)
    while page:
        yield from page
        page = store.audit(CSV_PAGE, before=page[-1].id, search=search)


def _asked_for() -> tuple[Asked, str, AuditSearch]:
    asked, view = Asked.in_address(), request.args.get("voir", "")
    view = view if view in AUDIT_VIEWS else ""
    search = AuditSearch(words=asked.words, since=asked.since, until=asked.until, allowed=AUDIT_VIEWS[view])
    return asked, view, search
