"""« Aide »: the guide and the documents that it leads to; each page leads to its own section."""

from flask import Blueprint, abort, render_template, request, url_for

from ospi_supervisor.web.manual import GUIDE, SERVED, document

bp = Blueprint("help", __name__, url_prefix="/aide")

SECTIONS = {
    "pages.dashboard": "tableau-de-bord",
    "imports": "installer-une-mise-a-jour",
    "updates.history": "historique",
    "updates": "suivre",
    "automatic": "mise-a-jour-automatique",
    "backups": "sauvegardes",
    "settings": "parametres",
    "messages": "parametres",
    "support": "si-elle-echoue",
    "pages.audit": "tracabilite",
}
"""The guide's section for each page, by its endpoint or its blueprint."""


@bp.app_context_processor
def add_to_every_page() -> dict[str, object]:
    """Where the help on the page at hand is."""
    return {"help_address": help_address}


def help_address() -> str:
    """The guide's section on the page at hand; its beginning where it has none."""
    endpoint = request.endpoint or ""
    section = SECTIONS.get(endpoint, SECTIONS.get(endpoint.partition(".")[0]))
    return url_for("help.page", _anchor=section)


@bp.get("")
@bp.get("/<name>")
def page(name: str = GUIDE) -> str:
    """One document."""
    if name not in SERVED:
        abort(404)
    return render_template(
        "help/page.html", document=document(name, _address, _picture), name=name, guide=GUIDE, served=SERVED
    )


def _address(name: str) -> str:
    return url_for("help.page") if name == GUIDE else url_for("help.page", name=name)


def _picture(name: str) -> str:
    return url_for("static", filename=f"aide/{name}")
