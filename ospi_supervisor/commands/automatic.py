"""The automatic update from the shell: auto check, run, status."""

import time
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import click

from ospi_supervisor.commands.context import Invocation, json_option, local_time, pass_invocation, print_json
from ospi_supervisor.commands.following import POLL_SECONDS, WORKER_PATIENCE_SECONDS, asked, follow, goes_on
from ospi_supervisor.domain.requests import Source
from ospi_supervisor.domain.settings import LONGEST_DAYS, PUT_OFF, SETTINGS, put_off_value
from ospi_supervisor.errors import RefusedError
from ospi_supervisor.system.interruption import told_if_interrupted

if TYPE_CHECKING:
    from ospi_supervisor.operations.requests import Operations
    from ospi_supervisor.store.automatic_documents import ActivityDocument, AutomaticDocument, CheckDocument
    from ospi_supervisor.store.engine_documents import Answer

MARKS = {"ok": "ok   ", "warning": "avis ", "refused": "NON  "}


@click.group()
def auto() -> None:
    """La mise à jour automatique, maintenant."""


@auto.command()
@json_option
@pass_invocation
def check(invocation: Invocation, as_json: bool) -> None:
    """Tester la liaison avec l'éditeur et voir quelle version il propose ; 1 si un maillon est en défaut."""
    operations = invocation.operations
    request = asked(
        lambda: operations.request_automatic_check(by=invocation.person, source=Source.SHELL),
        lambda number: invocation.record_action("vérification du dépôt demandée", f"demande {number}"),
    )
    _wait(operations, request, aside=as_json)
    found = operations.automatic.document()["last_check"]
    if found is None:
        raise RefusedError("le dépôt n'a pas encore été consulté")
    if as_json:
        print_json(found)
    else:
        _print_check(found)
        if not found["error"]:
            _print_available(operations.automatic.document())
    if found["error"]:
        raise RefusedError(found["error"])


@auto.command()
@json_option
@pass_invocation
def run(invocation: Invocation, as_json: bool) -> None:
    """La mise à jour automatique, sans attendre la nuit ; 0 si elle réussit, ou s'il n'y a rien à installer.

    Avec --json, un document par ligne comme « follow --json » ; celui de « auto status » s'il n'y a rien à installer.
    """
    operations = invocation.operations
    request = asked(
        lambda: operations.request_automatic_run(by=invocation.person, source=Source.SHELL),
        lambda number: invocation.record_action("mise à jour automatique demandée", f"demande {number}"),
    )
    update = _wait(operations, request, aside=as_json)
    if update is not None:
        follow(operations, update, as_json=as_json)
    elif as_json:
        print_json(operations.automatic.document())
    else:
        _print_available(operations.automatic.document())


@auto.command(name="put-off")
@click.argument("version")
@click.option("--reason", metavar="RAISON", default="", help="Pourquoi ; inscrit dans la traçabilité.")
@click.option(
    "--days", metavar="JOURS", type=click.IntRange(min=1, max=LONGEST_DAYS), help="Durée ; sinon jusqu'à nouvel ordre."
)
@click.option("--lift", is_flag=True, help="Lève le report.")
@pass_invocation
def put_off(invocation: Invocation, version: str, reason: str, days: int | None, lift: bool) -> None:
    """Reporter une version : l'installation automatique la laisse ; elle peut toujours être importée."""
    operations = invocation.operations
    until = None if days is None else datetime.now().astimezone().date() + timedelta(days=days)
    value = "" if lift else put_off_value(reason, until)
    name = operations.automatic.put_off_name(version)
    if lift and name not in (f"{PUT_OFF}{item['version']}" for item in operations.automatic.put_off()):
        raise RefusedError(f"la version {version} n'est pas reportée")
    request = operations.request_setting(name, value, by=invocation.person, source=Source.SHELL)
    invocation.record_action("report levé" if lift else "version reportée", f"{version} : {reason}, demande {request}")
    _wait(operations, request)
    click.echo(f"version {version} : {'report levé' if lift else 'reportée'}")


@auto.command(name="set")
@click.argument("name", type=click.Choice(list(SETTINGS)))
@click.argument("value", metavar="VALEUR")
@pass_invocation
def set_value(invocation: Invocation, name: str, value: str) -> None:
    """Changer un paramètre, comme dans « Paramètres » : update.auto.disable, update.auto.security, update.channel."""
    operations = invocation.operations
    request = operations.request_setting(name, value, by=invocation.person, source=Source.SHELL)
    invocation.record_action("paramètre modifié", f"{name} : {value}, demande {request}")
    _wait(operations, request)
    click.echo(f"{name} : {value}. {SETTINGS[name].effects[value]}")


@auto.command()
@json_option
@pass_invocation
def status(invocation: Invocation, as_json: bool) -> None:
    """Les conditions, la dernière vérification, le dernier passage et le prochain."""
    document = invocation.operations.automatic.document()
    if as_json:
        print_json(document)
        return
    for setting in (document["setting"], document["security"], document["channel"]):
        click.echo(f"{setting['name']} : {setting['value']}. {setting['effect']}")
    click.echo(f"Serveur de mise à jour : {document['repository'] or 'aucun pour ce système'}")
    for rule in (*document["server"], *document["run"]):
        click.echo(f"{MARKS[rule['verdict']]} {rule['label']} : {rule['measured']}")
        if rule["remedy"]:
            click.echo(f"      {rule['remedy']}")
    for item in document["put_off"]:
        until = (
            f", pas avant le {date.fromisoformat(item['until']):%d/%m/%Y}" if item["until"] else " jusqu'à nouvel ordre"
        )
        click.echo(f"Reportée{until} : {item['version']} ({item['reason']}), par {item['by']}")
    if last := document["last_run"]:
        click.echo(f"Dernier passage : {local_time(last['at'])}, {last['message']}")
    click.echo(f"Prochain passage : {local_time(document['next_run']) or 'aucun'}")


def _wait(operations: "Operations", request: int, *, aside: bool = False) -> int | None:
    """The update that the request led to, None where it led to none; RefusedError with the worker's reason. What goes
    on meanwhile is told, `aside` on standard error.

    A fetch may take hours: only a worker that gives no sign of life ends the wait.
    """
    with told_if_interrupted(lambda: goes_on(request)):
        answer = _answer(operations, request, aside)
    if not answer["accepted"]:
        raise RefusedError(answer["message"])
    return None if answer["update_id"] is None else int(answer["update_id"])


def _answer(operations: "Operations", request: int, aside: bool) -> "Answer":
    seen, said = time.monotonic(), ""
    while (answer := operations.reader.answer(request)) is None:
        document = operations.automatic.document()
        if operations.status()["worker"] == "up":
            seen = time.monotonic()
        if time.monotonic() - seen > WORKER_PATIENCE_SECONDS:
            raise RefusedError("le service de mise à jour est arrêté ; démarrez-le, puis refaites cette demande")
        if document["activity"] and (now := _activity(document["activity"])) != said:
            said = now
            click.echo(said, err=aside)
        time.sleep(POLL_SECONDS)
    return answer


def _activity(activity: "ActivityDocument") -> str:
    if activity["step"] == "check":
        return "Consultation du dépôt de l'éditeur…"
    return f"Téléchargement de la version {activity['version']} : {activity['percent']:.0f} %"


def _print_available(document: "AutomaticDocument") -> None:
    """What there is to install, or why what there is cannot be."""
    for rule in document["run"]:
        if rule["rule"] in ("available", "own_available"):
            click.echo(f"{rule['label']} : {rule['measured']}")
            if rule["remedy"]:
                click.echo(f"      {rule['remedy']}")


def _print_check(found: "CheckDocument") -> None:
    for link in found["links"]:
        mark = "NON  " if link["error"] else "ok   " if link["seconds"] is not None else "–    "
        spent = f" ({link['seconds'] * 1000:.0f} ms)" if link["seconds"] is not None else ""
        click.echo(f"{mark} {link['label']} : {link['error'] or link['detail']}{spent}")
        if link["remedy"]:
            click.echo(f"      {link['remedy']}")
