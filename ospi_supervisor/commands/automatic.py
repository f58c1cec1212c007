"""The automatic update from the shell: auto check, run, status."""

import time
from typing import Any

import click

from ospi_supervisor.commands.context import Session, json_option, local_time, pass_session, print_json
from ospi_supervisor.commands.updates import POLL_SECONDS, WORKER_PATIENCE_SECONDS, follow
from ospi_supervisor.errors import RefusedError
from ospi_supervisor.operations import Operations

MARKS = {"ok": "ok   ", "warning": "avis ", "refused": "NON  "}


@click.group()
def auto() -> None:
    """La mise à jour automatique, maintenant."""


@auto.command()
@json_option
@pass_session
def check(session: Session, as_json: bool) -> None:
    """Tester la liaison avec l'éditeur et voir quelle version il propose ; 1 si un maillon est en défaut."""
    operations = session.operations
    request = operations.request_automatic_check(by=session.person, source="shell")
    session.record("vérification du dépôt demandée", f"demande {request}")
    _wait(operations, request)
    found = operations.automatic.document()["last_check"]
    if as_json:
        print_json(found)
    else:
        _print_check(found)
    if found["error"]:
        raise RefusedError(found["error"])


@auto.command()
@pass_session
def run(session: Session) -> None:
    """La mise à jour automatique, sans attendre la nuit ; 0 si elle réussit, ou s'il n'y a rien à installer."""
    operations = session.operations
    request = operations.request_automatic_run(by=session.person, source="shell")
    session.record("mise à jour automatique demandée", f"demande {request}")
    update = _wait(operations, request)
    if update is None:
        click.echo("Aucune nouvelle version : il n'y a rien à installer.")
    else:
        follow(operations, update)


@auto.command()
@json_option
@pass_session
def status(session: Session, as_json: bool) -> None:
    """Les conditions, la dernière vérification, le dernier passage et le prochain."""
    document = session.operations.automatic.document()
    if as_json:
        print_json(document)
        return
    click.echo(f"{document['setting']['name']} : {document['setting']['value']}. {document['setting']['effect']}")
    click.echo(f"Serveur de mise à jour : {document['repository'] or 'aucun pour ce système'}")
    for rule in (*document["server"], *document["run"]):
        click.echo(f"{MARKS[rule['verdict']]} {rule['label']} : {rule['measured']}")
        if rule["remedy"]:
            click.echo(f"      {rule['remedy']}")
    if last := document["last_run"]:
        click.echo(f"Dernier passage : {local_time(last['at'])}, {last['message']}")
    click.echo(f"Prochain passage : {local_time(document['next_run']) or 'aucun'}")


def _wait(operations: Operations, request: int) -> int | None:
    """The update that the request led to, None where it led to none; RefusedError with the worker's reason.

    A fetch may take hours: only a worker that gives no sign of life ends the wait.
    """
    seen, said = time.monotonic(), ""
    while (answer := operations.reader.answer(request)) is None:
        document = operations.automatic.document()
        if operations.status()["worker"] == "up":
            seen = time.monotonic()
        if time.monotonic() - seen > WORKER_PATIENCE_SECONDS:
            raise RefusedError("le service de mise à jour est arrêté ; démarrez-le, puis refaites cette demande")
        if document["activity"] and (now := _activity(document["activity"])) != said:
            said = now
            click.echo(said)
        time.sleep(POLL_SECONDS)
    if not answer["accepted"]:
        raise RefusedError(answer["message"])
    return None if answer["update_id"] is None else int(answer["update_id"])


def _activity(activity: dict[str, Any]) -> str:
    if activity["step"] == "check":
        return "Consultation du dépôt de l'éditeur…"
    return f"Téléchargement de la version {activity['version']} : {activity['percent']:.0f} %"


def _print_check(found: dict[str, Any]) -> None:
    for link in found["links"]:
        mark = "NON  " if link["error"] else "ok   " if link["seconds"] is not None else "–    "
        spent = f" ({link['seconds'] * 1000:.0f} ms)" if link["seconds"] is not None else ""
        click.echo(f"{mark} {link['label']} : {link['error'] or link['detail']}{spent}")
        if link["remedy"]:
            click.echo(f"      {link['remedy']}")
    if not found["error"]:
        offer = found["available"]
        click.echo(f"Version disponible : {offer['version'] if offer else 'aucune plus récente'}")
