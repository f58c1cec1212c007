"""Updates from the shell: import, status, history, log, cancel."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from ospi_supervisor.commands.context import (
    Invocation,
    json_option,
    local_time,
    pass_invocation,
    print_json,
    print_table,
)
from ospi_supervisor.commands.following import asked, events_of, existing, follow, line_of, wait_for_answer
from ospi_supervisor.domain.command_line import command_line, unit
from ospi_supervisor.domain.lifecycle import UpdateStatus
from ospi_supervisor.domain.requests import LAST_NUMBER, Asker, Source, Terms
from ospi_supervisor.domain.words import STATUS_LABELS
from ospi_supervisor.errors import RefusedError, printable
from ospi_supervisor.system.clock import utc_now
from ospi_supervisor.system.interruption import told_if_interrupted

if TYPE_CHECKING:
    from ospi_supervisor.store.automatic_documents import StatusDocument, WaitDocument
    from ospi_supervisor.store.web_rows import UploadRow

NOT_RECEIVED = "interrompu ; l'archive n'a pas été reçue entière, et rien n'a été demandé"


@click.command("import")
@click.argument("file", metavar="FICHIER", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--notice-read", is_flag=True, help="J'ai lu la notice (tar -xf FICHIER notice.pdf).")
@click.option("--prepare", is_flag=True, help="Préparer maintenant, et ne basculer qu'à l'heure de --switch-at.")
@click.option("--switch-at", metavar="HEURE", help="Heure de la bascule : 2026-11-30T22:00, heure du serveur.")
@click.option("--start-at", metavar="HEURE", help="Heure à laquelle tout commencer.")
@click.option("--validate", is_flag=True, help="Ne l'ouvrir à tous qu'une fois validée (open ID, go-back ID).")
@click.option("--wait", is_flag=True, help="Suivre jusqu'à la fin ; 0 seulement si la mise à jour réussit.")
@pass_invocation
def import_command(
    invocation: Invocation,
    file: Path,
    notice_read: bool,
    prepare: bool,
    switch_at: str | None,
    start_at: str | None,
    validate: bool,
    wait: bool,
) -> None:
    """Installer l'archive FICHIER, comme le fait l'onglet Import."""
    terms = replace(_terms(prepare, switch_at, start_at), validate=validate)
    opened = _opened(file)  # before this process becomes the web account, which may not be able to
    operations = invocation.operations
    with invocation.recording_failure("installation refusée", file.name), told_if_interrupted(lambda: NOT_RECEIVED):
        upload = operations.uploads.adopt_file(file, invocation.person, opened)
    try:
        request = asked(lambda: _ask_for_import(invocation, upload, file, notice_read, terms), lambda _: None)
    except RefusedError:
        operations.uploads.abandon(upload.id)
        raise
    if wait:
        update = wait_for_answer(operations, request)
        follow(operations, update)
    else:
        click.echo(f"Demande enregistrée ; suivez-la par « {command_line('follow')} » ou l'onglet Suivi.")


@click.command()
@json_option
@pass_invocation
def status(invocation: Invocation, as_json: bool) -> None:
    """L'état de la plateforme et de la mise à jour en cours ; 1 si le service de mise à jour est arrêté."""
    document = invocation.status()
    if as_json:
        print_json(document)
    else:
        _print_status(invocation, document)
    if document["worker"] != "up":
        raise RefusedError(f"le service de mise à jour est arrêté ; « systemctl start {unit('worker')} »")


def _print_status(invocation: Invocation, document: "StatusDocument") -> None:
    click.echo(f"{document['product']} {document['version']}")
    click.echo(f"Service de mise à jour : {'en marche' if document['worker'] == 'up' else 'arrêté'}")
    click.echo(f"Page de maintenance : {'en place' if document['maintenance'] else 'non'}")
    click.echo(f"Mise à jour en cours : {document['update'] or 'aucune'}")
    if document["waiting"]:
        _print_wait(document["waiting"], document["update"])
    if planned := invocation.reader.planned_update():
        at = local_time(planned["start_at"])
        click.echo(
            f"Mise à jour planifiée : n° {planned['id']}, vers {planned['to'] or 'une version à vérifier'}, le {at}"
        )
    if document["lock"]:
        click.echo(
            f"Version verrouillée : {document['lock']['version']} (mise à jour n° {document['lock']['update_id']})"
        )


def _print_wait(waiting: "WaitDocument", update_id: int | None) -> None:
    until = local_time(waiting["until"])
    if waiting["for"] == "hour":
        when = until or "à choisir (l'heure prévue est manquée)"
        click.echo(f"  préparée ; bascule : {when}")
    else:
        click.echo(
            f"  nouvelle version à valider avant le {until} : « {command_line(f'link {update_id}')} » pour la voir,"
            f" « open {update_id} » ou « go-back {update_id} » pour décider"
        )


@click.command()
@json_option
@pass_invocation
def history(invocation: Invocation, as_json: bool) -> None:
    """Toutes les mises à jour, la plus récente d'abord."""
    updates = invocation.reader.every_update()
    if as_json:
        print_json(list(updates))
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
@pass_invocation
def log(invocation: Invocation, update_id: int, as_json: bool) -> None:
    """Le journal de la mise à jour ID."""
    existing(invocation.operations, update_id)
    events = list(events_of(invocation.operations, update_id, after=0))
    if as_json:
        print_json([{"id": event.id, "event": event.kind, "data": event.data} for event in events])
        return
    for event in events:
        if line := line_of(event.kind, event.data):
            at = local_time(event.data["at"])
            margin = " " * len(at)
            click.echo(f"{at}  " + f"\n{margin}  ".join(printable(line).splitlines()))


@click.command()
@click.argument("update_id", metavar="ID", type=click.IntRange(1, LAST_NUMBER))
@json_option
@pass_invocation
def cancel(invocation: Invocation, update_id: int, as_json: bool) -> None:
    """Arrêter la mise à jour ID et retirer ce qu'elle a préparé ; seulement avant la page de maintenance."""
    operations = invocation.operations
    existing(operations, update_id)
    request = operations.request_cancel(update_id, by=invocation.person, source=Source.SHELL)
    invocation.record_action("annulation demandée", f"mise à jour {update_id}, demande {request}")
    wait_for_answer(operations, request)
    if as_json:
        print_json({"update": update_id, "request": request})
        return
    click.echo("Annulation demandée.")


def _terms(prepare: bool, switch_at: str | None, start_at: str | None) -> Terms:
    """RefusedError where the options do not go together, or name no hour to come."""
    from ospi_supervisor.domain.schedule import check_start

    if prepare and switch_at is None:
        raise RefusedError("--prepare attend l'heure de la bascule ; ajoutez par exemple --switch-at 2026-11-30T22:00")
    if switch_at is not None and start_at is not None:
        raise RefusedError("choisissez --switch-at ou --start-at, et non les deux")
    terms = Terms(
        start_at=None if start_at is None else hour_in(start_at),
        switch_at=None if switch_at is None else hour_in(switch_at),
    )
    if terms.hour is not None:
        check_start(terms.hour, utc_now())
    return terms


def _opened(file: Path) -> BinaryIO | None:
    """The file; None where it cannot be read, which is refused and recorded as any other refusal."""
    try:
        return file.open("rb")
    except OSError:
        return None


def _ask_for_import(invocation: Invocation, upload: "UploadRow", file: Path, notice_read: bool, terms: Terms) -> int:
    """The number of the request made of the worker; what is recorded on the way is what the Import tab records."""
    from ospi_supervisor.operations.uploads import raise_if_refused

    imports, asker = invocation.operations.imports, Asker(invocation.person, Source.SHELL)
    if upload.verdict == "refused":
        imports.note_refusal(upload, asker)
        raise_if_refused(upload)
    if not notice_read:
        with invocation.recording_failure("installation refusée", upload.filename):
            raise RefusedError(f"lisez d'abord la notice (tar -xf {file} notice.pdf), puis relancez avec --notice-read")
    number = imports.press(upload.id, asker, notice_read=True, terms=terms)
    if number is None:
        raise RefusedError("l'archive n'est pas encore entièrement reçue ; attendez la fin", code="incomplete")
    return number


def hour_in(text: str) -> datetime:
    """The hour that somebody typed, of the server's zone where it names none; RefusedError where it is none."""
    from ospi_supervisor.domain.schedule import instant_of
    from ospi_supervisor.system.zone import local_zone

    try:
        return instant_of(text, local_zone())
    except (ValueError, OverflowError):
        raise RefusedError(f"« {text} » n'est pas une heure ; écrivez par exemple 2026-11-30T22:00") from None
