"""« Sauvegardes »: those that there are, as the worker published them, how to restore one, and « Sauvegarder
maintenant »."""

from collections.abc import Callable
from functools import partial

import msgspec
from flask import Blueprint, jsonify, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from ospi_supervisor.domain.drill import PROOF_LABELS, PROOF_SENTENCES, STEP_LABELS, Certificate, Proof, lines_of
from ospi_supervisor.domain.requests import DrillBackup, MakeBackup, Source
from ospi_supervisor.errors import RefusedError
from ospi_supervisor.store.topics import BACKUPS, HANDOUTS, HandoutsDocument
from ospi_supervisor.web.auth import confirm_recent_sign_in
from ospi_supervisor.web.context import now, record_action, request_in_address, username, wants_json, web
from ospi_supervisor.web.dashboard import ago
from ospi_supervisor.web.errors import status_of

bp = Blueprint("backups", __name__, url_prefix="/sauvegardes")


@bp.get("")
def page() -> Response | str:
    """The backups; with `?demande=N`, what became of one, or of a drill, that was asked for."""
    asked, answer = request_in_address(MakeBackup, DrillBackup)
    kind = asked.kind if asked else None
    if kind == DrillBackup.kind and answer and answer["accepted"]:
        return redirect(url_for("backups.certificate", key=answer["message"]))
    return _page(waiting=kind if answer is None else None, answer=answer)


@bp.post("")
def create() -> Response | tuple[str, int]:
    """« Sauvegarder maintenant », once the person has shown again who they are."""
    return _ask(MakeBackup.kind, "sauvegarde demandée", web().operations.request_backup)


@bp.post("/epreuves")
def drill() -> Response | tuple[str, int]:
    """« Éprouver » the backup `sauvegarde`, the newest where none is named: the same."""
    named = request.form.get("sauvegarde") or None
    ask = partial(web().operations.request_drill, named)
    return _ask(DrillBackup.kind, f"épreuve de sauvegarde demandée{f' ({named})' if named else ''}", ask, named)


@bp.get("/epreuves/<key>")
def certificate(key: str) -> Response | str:
    """What a drill proved, on a page to print; as JSON for a program."""
    found = web().operations.certificate(key)
    if wants_json():
        return jsonify(msgspec.to_builtins(found))
    labels = {"proofs": PROOF_LABELS, "sentences": PROOF_SENTENCES, "outcomes": STEP_LABELS}
    return render_template("backups/certificate.html", certificate=found, printed_at=now(), **labels)


@bp.get("/epreuves/<key>/json")
def certificate_json(key: str) -> Response:
    """The same as a file, for a program."""
    found = web().operations.certificate(key)
    return _file(found, "json", "application/json", msgspec.json.format(msgspec.json.encode(found)))


@bp.get("/epreuves/<key>/texte")
def certificate_text(key: str) -> Response:
    """The same as a file, to keep and to print."""
    found = web().operations.certificate(key)
    text = "\n".join((*lines_of(found), ""))
    return _file(found, "txt", "text/plain; charset=utf-8", text.encode())


def _file(found: Certificate, form: str, kind: str, data: bytes) -> Response:
    response = Response(data, content_type=kind)
    response.headers.set("Content-Disposition", "attachment", filename=f"certificat-{found.key}.{form}")
    return response


def _ask(what: str, action: str, ask: Callable[..., int], named: str | None = None) -> Response | tuple[str, int]:
    try:
        confirm_recent_sign_in()
        number = ask(by=username(), source=Source.IMPORT)
    except RefusedError as error:
        if wants_json():
            raise
        asked_for = {"ask_password": what if error.code == "sign_in_again" else None, "named": named}
        return _page(message=str(error), **asked_for), status_of(error)
    record_action(action, f"demande {number}")
    return redirect(url_for("backups.page", demande=number), 303)


def _page(**more: object) -> str:
    published = web().operations.reader.published(BACKUPS)
    at, backups = published or (None, None)
    drills = web().operations.drills()
    newest = {one.snapshot: one for one in reversed(drills.certificates)}
    handouts = _handouts()
    return render_template(
        "backups/page.html",
        published_at=at,
        backups=backups,
        drills=drills,
        drilled=newest,
        handouts=handouts,
        handed={one.snapshot: one for one in reversed(handouts.rows)} if handouts else {},
        proofs=PROOF_LABELS,
        sentences=PROOF_SENTENCES,
        failed=Proof.FAILED,
        drill_kind=DrillBackup.kind,
        backup_kind=MakeBackup.kind,
        monthly=web().config.backup.drill,
        directory=web().config.backup.directory,
        age=lambda taken_at: ago(now() - taken_at),
        **more,
    )


def _handouts() -> HandoutsDocument | None:
    """What became of the backups that were handed to the configured command; None where there is no such command."""
    if web().config.backup.after_snapshot is None:
        return None
    found = web().operations.reader.published(HANDOUTS)
    return HandoutsDocument() if found is None else found[1]
