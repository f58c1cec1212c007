"""Updates from the shell: import, status, history, log, cancel."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from ospi_supervisor.commands.context import Session, json_option, local_time, pass_session, print_json, print_table
from ospi_supervisor.domain.lifecycle import Phase, PhaseStatus, UpdateStatus, rule_of
from ospi_supervisor.domain.words import PHASE_STATUS_LABELS, STATUS_LABELS
from ospi_supervisor.errors import RefusedError
from ospi_supervisor.operations import Operations
from ospi_supervisor.store.database import LAST_NUMBER
from ospi_supervisor.store.web_rows import UploadRow

POLL_SECONDS = 0.3
WORKER_PATIENCE_SECONDS = 30.0


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--notice-read", is_flag=True, help="J'ai lu la notice (tar -xf FICHIER notice.pdf).")
@click.option("--wait", is_flag=True, help="Suivre jusqu'à la fin ; 0 seulement si la mise à jour réussit.")
@pass_session
def import_command(session: Session, file: Path, notice_read: bool, wait: bool) -> None:
    """Installer l'archive FILE, comme le fait l'onglet Import."""
    operations = session.operations
    with session.recording_failure("installation refusée", file.name):
        upload = operations.uploads.adopt_file(file, session.person)
    try:
        request = _ask_for_import(session, upload, file, notice_read)
    except RefusedError:
        operations.uploads.abandon(upload.id)
        raise
    if wait:
        update = wait_for_answer(operations, request)
        follow(operations, update)
    else:
        click.echo("Demande enregistrée ; suivez-la par « ospi-supervisor status » ou l'onglet Suivi.")


@click.command()
@json_option
@pass_session
def status(session: Session, as_json: bool) -> None:
    """L'état de la plateforme et de la mise à jour en cours."""
    document = session.operations.status()
    if as_json:
        print_json(document)
        return
    click.echo(f"{document['product']} {document['version']}")
    click.echo(f"Service de mise à jour : {'en marche' if document['worker'] == 'up' else 'arrêté'}")
    click.echo(f"Page de maintenance : {'en place' if document['maintenance'] else 'non'}")
    click.echo(f"Mise à jour en cours : {document['update'] or 'aucune'}")
    if planned := session.operations.reader.planned_update():
        at = local_time(planned["start_at"])
        click.echo(
            f"Mise à jour planifiée : n° {planned['id']}, vers {planned['to'] or 'une version à vérifier'}, le {at}"
        )
    if document["lock"]:
        click.echo(
            f"Version verrouillée : {document['lock']['version']} (mise à jour n° {document['lock']['update_id']})"
        )


@click.command()
@json_option
@pass_session
def history(session: Session, as_json: bool) -> None:
    """Toutes les mises à jour, la plus récente d'abord."""
    updates = session.operations.reader.updates()
    if as_json:
        print_json(updates)
        return
    columns = {"id": "n°", "from": "de", "to": "vers", "status": "résultat", "by": "par", "at": "demandée le"}
    rows = [
        {
            **update,
            "status": STATUS_LABELS[UpdateStatus(update["status"])],
            "by": update["requested_by"],
            "at": local_time(update["queued_at"]),
        }
        for update in updates
    ]
    print_table(columns, rows)


@click.command()
@click.argument("update_id", metavar="ID", type=click.IntRange(1, LAST_NUMBER))
@json_option
@pass_session
def log(session: Session, update_id: int, as_json: bool) -> None:
    """Le journal de la mise à jour ID."""
    existing(session.operations, update_id)
    events = list(_events(session.operations, update_id, after=0))
    if as_json:
        print_json([{"id": event.id, "event": event.kind, "data": event.data} for event in events])
        return
    for event in events:
        if line := _line(event.kind, event.data):
            at = local_time(event.data["at"])
            margin = " " * len(at)
            click.echo(f"{at}  " + f"\n{margin}  ".join(line.splitlines()))


@click.command()
@click.argument("update_id", metavar="ID", type=click.IntRange(1, LAST_NUMBER))
@pass_session
def cancel(session: Session, update_id: int) -> None:
    """Arrêter la mise à jour ID et retirer ce qu'elle a préparé ; seulement avant la page de maintenance."""
    operations = session.operations
    existing(operations, update_id)
    request = operations.request_cancel(update_id, by=session.person, source="shell")
    session.record("annulation demandée", f"mise à jour {update_id}, demande {request}")
    wait_for_answer(operations, request)
    click.echo("Annulation demandée.")


def _ask_for_import(session: Session, upload: UploadRow, file: Path, notice_read: bool) -> int:
    """The number of the request made of the worker; what is recorded on the way is what the Import tab records."""
    if upload.verdict == "refused":
        reasons = " ; ".join(upload.reasons)
        session.record("archive refusée", f"{upload.filename} : {reasons}", allowed=False)
        raise RefusedError(reasons)
    with session.recording_failure("installation refusée", upload.filename):
        if not notice_read:
            raise RefusedError(f"lisez d'abord la notice (tar -xf {file} notice.pdf), puis relancez avec --notice-read")
        upload = session.operations.uploads.acknowledge_notice(upload.id, session.person)
        session.record("notice lue", f"{upload.filename}, sha256 {upload.notice_sha256}")
        request = session.operations.request_import(upload.id, by=session.person, source="shell", start_at=None)
    session.record("installation demandée", f"{upload.filename}, demande {request}")
    return request


def wait_for_answer(operations: Operations, request: int) -> int:
    """The number of the update that the worker made of a request; RefusedError with its reason, or its silence."""
    deadline = time.monotonic() + WORKER_PATIENCE_SECONDS
    while (answer := operations.reader.answer(request)) is None:
        if time.monotonic() > deadline:
            raise RefusedError(
                "le service de mise à jour ne répond pas ; la demande reste enregistrée, démarrez-le"
                " (systemctl start ospi-supervisor-worker)"
            )
        time.sleep(POLL_SECONDS)
    if not answer["accepted"]:
        raise RefusedError(answer["message"])
    return int(answer["update_id"])


def follow(
    operations: Operations,
    update_id: int,
    after: int = 0,
    wanted: frozenset[UpdateStatus] = frozenset({UpdateStatus.SUCCEEDED}),
) -> None:
    """Print the update's events that follow `after`, until its end; RefusedError unless that is a `wanted` one."""
    while True:
        update = existing(operations, update_id)
        for event in _events(operations, update_id, after):
            after = event.id
            if line := _line(event.kind, event.data):
                click.echo(line)
        status = UpdateStatus(update["status"])
        if status.is_final:
            break
        time.sleep(POLL_SECONDS)
    if status not in wanted:
        raise RefusedError(f"mise à jour {STATUS_LABELS[status]} : {update['failure'] or 'à la demande'}")


def existing(operations: Operations, update_id: int) -> dict[str, Any]:
    """The update of that number; RefusedError where there is none."""
    update = operations.reader.update(update_id)
    if update is None:
        raise RefusedError(f"il n'y a pas de mise à jour n° {update_id} ; « ospi-supervisor history » les liste")
    return update


def _events(operations: Operations, update_id: int, after: int) -> Iterator[Any]:
    while events := operations.reader.events(update_id, after, 1000):
        yield from events
        after = events[-1].id


def _line(kind: str, data: dict[str, Any]) -> str | None:
    """An event in words; None for one that says nothing new on a terminal."""
    title = rule_of(Phase(data["phase"])).title if data.get("phase") else ""
    if kind == "phase":
        return f"{title} : {PHASE_STATUS_LABELS[PhaseStatus(data['status'])]}"
    if kind == "progress":
        return f"{title} : {data['percent']:.0f} % {data.get('message', '')}".rstrip()
    if kind == "end":
        return f"Mise à jour {STATUS_LABELS[UpdateStatus(data['status'])]}"
    return str(data["message"])
