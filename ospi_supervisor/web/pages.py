"""The dashboard and the « traçabilité »."""

from typing import Any

from flask import Blueprint, render_template, request

from ospi_supervisor.web.context import number_in_address, web

bp = Blueprint("pages", __name__)

AUDIT_LINES = 200
AUDIT_VIEWS = {"": None, "actions": True, "refus": False}
"""What `?voir=` asks for: everything, what was done, or what was refused."""


@bp.app_context_processor
def add_to_every_page() -> dict[str, Any]:
    """What the frame around every page shows; what is to be called is for the pages of those who may see it."""
    parts = web()
    return {
        "platform": parts.config.platform,
        "support": parts.config.support,
        "current_state": parts.operations.status,
        "planned_update": parts.operations.reader.planned_update,
    }


@bp.get("/")
def dashboard() -> str:
    """The platform at a glance."""
    updates = web().operations.reader.updates()
    return render_template("pages/dashboard.html", latest=updates[0] if updates else None)


@bp.get("/tracabilite")
def audit() -> str:
    """Who did what, the newest first; `?avant=N` goes on where the page before ended."""
    view, before = request.args.get("voir", ""), number_in_address("avant")
    view = view if view in AUDIT_VIEWS else ""
    lines = web().operations.web.audit(AUDIT_LINES + 1, before=before, allowed=AUDIT_VIEWS[view])
    return render_template(
        "pages/audit.html", lines=lines[:AUDIT_LINES], older=len(lines) > AUDIT_LINES, before=before, view=view
    )
