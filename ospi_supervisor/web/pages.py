"""The dashboard and the « traçabilité »."""

from typing import Any

from flask import Blueprint, render_template

from ospi_supervisor.web.context import web

bp = Blueprint("pages", __name__)

AUDIT_LINES = 500


@bp.app_context_processor
def add_to_every_page() -> dict[str, Any]:
    """What the frame around every page shows; `current_state` is for the pages of those who may see it."""
    parts = web()
    return {
        "platform": parts.config.platform,
        "support": parts.config.support,
        "current_state": parts.operations.status,
    }


@bp.get("/")
def dashboard() -> str:
    """The platform at a glance."""
    updates = web().operations.reader.updates()
    return render_template("pages/dashboard.html", latest=updates[0] if updates else None)


@bp.get("/tracabilite")
def audit() -> str:
    """Who did what, the newest first."""
    return render_template("pages/audit.html", lines=web().operations.web.audit(AUDIT_LINES))
