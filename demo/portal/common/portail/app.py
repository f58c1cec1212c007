"""The portal's pages."""

from datetime import datetime
from pathlib import Path

from flask import Flask, Response, abort, jsonify, redirect, render_template, request, send_from_directory, url_for
from werkzeug.wrappers import Response as BaseResponse

from .charts import bar_chart
from .data import add_note, documents_path, groups, notes, overview, points
from .release import Release

MONTHS = ("janv.", "févr.", "mars", "avr.", "mai", "juin", "juil.", "août", "sept.", "oct.", "nov.", "déc.")
MAX_NOTE = 500


def create_app(release: Release, data: Path) -> Flask:
    """The portal, for one release, on one data folder."""
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = 64 * 1024
    app.jinja_env.filters.update(number=number, euros=euros, month=month, moment=moment)
    app.context_processor(lambda: {"release": release})
    app.add_url_rule("/", "dashboard", lambda: dashboard(release, data))
    app.add_url_rule("/documents/", "documents", lambda: documents(data))
    app.add_url_rule("/documents/<path:name>", "document", lambda name: document(data, name))
    app.add_url_rule("/notes", "note", lambda: note(data), methods=["POST"])
    app.add_url_rule("/health", "health", lambda: jsonify(status="ok", version=release.version))
    return app


def dashboard(release: Release, data: Path) -> str:
    """The head figures, the charts, the table and the remarks."""
    panels = []
    for panel in release.panels:
        rows = points(data, panel)
        panels.append((panel, rows, bar_chart(rows)))
    return render_template(
        "dashboard.html", overview=overview(data, release), panels=panels, groups=groups(data), notes=notes(data)
    )


def documents(data: Path) -> str:
    """The deposited documents."""
    files = sorted(path for path in documents_path(data).iterdir() if path.is_file())
    return render_template("documents.html", files=[(path.name, path.stat().st_size) for path in files])


def document(data: Path, name: str) -> Response:
    """One deposited document."""
    return send_from_directory(documents_path(data), name)


def note(data: Path) -> BaseResponse:
    """Keep a remark; a form of another site is refused (fetch metadata)."""
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        abort(403)
    if text := request.form.get("texte", "").strip():
        add_note(data, text[:MAX_NOTE])
    # Relative, because the portal stands behind a proxy whose address it does not know.
    return redirect(url_for("dashboard") + "#notes", code=303)


def number(value: float, decimals: int = 0) -> str:
    """A number as the French write it."""
    # U+202F, the narrow no-break space, separates thousands.
    return f"{value:,.{decimals}f}".replace(",", "\u202f").replace(".", ",")


def euros(value: float) -> str:
    """An amount of euros, in millions where it is large."""
    return f"{number(value / 1e6, 1)}\u00a0M€" if value >= 1e6 else f"{number(value / 1e3)}\u00a0k€"


def month(text: str) -> str:
    """« janv. » for 2026-01; anything else as it is."""
    year, _, rest = text.partition("-")
    return MONTHS[int(rest) - 1] if year.isdigit() and rest.isdigit() else text


def moment(text: str) -> str:
    """A stored instant, in local time, as the French write it."""
    return datetime.fromisoformat(text).astimezone().strftime("%d/%m/%Y à %H:%M")
