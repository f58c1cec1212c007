"""« Sauvegardes »: those that there are, as the worker published them, how to restore one, and « Sauvegarder
maintenant »."""

from flask import Blueprint, redirect, render_template, url_for
from werkzeug.wrappers import Response

from ospi_supervisor.errors import RefusedError
from ospi_supervisor.web.auth import confirm_recent_sign_in
from ospi_supervisor.web.context import record, request_in_address, username, wants_json, web
from ospi_supervisor.web.errors import status_of

bp = Blueprint("backups", __name__, url_prefix="/sauvegardes")

PUBLISHED = "backup"


@bp.get("")
def page() -> str:
    """The backups; with `?demande=N`, what became of one that was asked for."""
    asked, answer = request_in_address("backup")
    return _page(waiting=asked is not None and answer is None, answer=answer)


@bp.post("")
def create() -> Response | tuple[str, int]:
    """« Sauvegarder maintenant », once the person has shown again who they are."""
    try:
        confirm_recent_sign_in()
        number = web().operations.request_backup(by=username(), source="import")
    except RefusedError as error:
        if wants_json():
            raise
        return _page(message=str(error), ask_password=error.code == "sign_in_again"), status_of(error)
    record("sauvegarde demandée", f"demande {number}")
    return redirect(url_for("backups.page", demande=number), 303)


def _page(**more: object) -> str:
    published = web().operations.reader.published(PUBLISHED)
    at, backups = published or (None, None)
    directory = web().config.backup.directory
    return render_template("backups/page.html", published_at=at, backups=backups, directory=directory, **more)
