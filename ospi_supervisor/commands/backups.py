"""The snapshots of the data: list, create, verify, restore, export."""

import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

import click

from ospi_supervisor.commands.context import (
    Invocation,
    confirm,
    json_option,
    local_time,
    pass_invocation,
    print_json,
    print_table,
    yes_option,
)
from ospi_supervisor.commands.following import asked, wait_for_words
from ospi_supervisor.domain.drill import Proof, lines_of
from ospi_supervisor.domain.requests import Source
from ospi_supervisor.domain.words import counted, size
from ospi_supervisor.errors import BackupError
from ospi_supervisor.system.interruption import held, told_if_interrupted

if TYPE_CHECKING:
    from ospi_supervisor.administration.restoration import Wish


NOT_TAKEN = "sauvegarde interrompue ; rien n'en est gardé, et rien d'autre n'a changé"


class StepsInWords:
    """How far a long step is, a line each time that it has come ten percents further."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._told: tuple[str, int] = ("", 0)

    def tell(self, step: str, percent: float) -> None:
        """`percent` of `step` are done."""
        tens = int(percent // 10)
        before = self._told[1] if self._told[0] == step else 0
        if tens > before:
            self._say(f"  {step} : {10 * tens} %")
        self._told = (step, max(tens, before))


def _say(words: str, *, aside: bool = False) -> None:
    """Print it, `aside` on standard error; a terminal that was closed, or a reader that went away, does not end what
    goes on."""
    try:
        click.echo(words, err=aside)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), (sys.stderr if aside else sys.stdout).fileno())


def _of_wish(wish: "Wish") -> str:
    """What becomes of an interruption."""
    if wish.is_too_late:
        return (
            "La restauration ne s'arrête plus : la plateforme serait à moitié restaurée. Elle va à son terme ; la page"
            " de maintenance dit où elle en est."
        )
    return "Arrêt demandé : rien n'est encore changé. La plateforme est remise en service…"


@click.group()
def backup() -> None:
    """Les sauvegardes des données."""


class _Row(TypedDict):
    id: str
    taken_at: str
    release: str
    base: str | None
    size: int


@backup.command("list")
@json_option
@pass_invocation
def list_command(invocation: Invocation, as_json: bool) -> None:
    """Les sauvegardes utilisables, de la plus ancienne à la plus récente."""
    rows: list[_Row] = [
        {
            "id": snapshot.id,
            "taken_at": snapshot.taken_at.astimezone().isoformat(timespec="seconds"),
            "release": snapshot.release,
            "base": snapshot.base,
            "size": snapshot.size,
        }
        for snapshot in invocation.administration.snapshots.list()
    ]
    if as_json:
        print_json(rows)
        return
    columns = {"id": "sauvegarde", "at": "prise le", "release": "version", "weight": "taille", "holds": "contenu"}
    lines = [
        {
            **row,
            "at": local_time(row["taken_at"]),
            "weight": size(row["size"]),
            "holds": f"ce qui a changé depuis {row['base']}" if row["base"] else "entière",
        }
        for row in rows
    ]
    print_table(columns, lines)


@backup.command()
@json_option
@pass_invocation
def create(invocation: Invocation, as_json: bool) -> None:
    """Prendre une sauvegarde complète, sans arrêter la plateforme."""
    with invocation.recording_failure("sauvegarde non aboutie"), told_if_interrupted(lambda: NOT_TAKEN):
        snapshot = invocation.administration.create_backup()
    invocation.record_action("sauvegarde prise", snapshot.id)
    if as_json:
        print_json({"id": snapshot.id, "release": snapshot.release, "files": snapshot.files, "size": snapshot.size})
        return
    click.echo(
        f"Sauvegarde {snapshot.id} : {counted(snapshot.files, 'fichier', 'fichiers')}, {size(snapshot.size)}, relue."
    )


@backup.command()
@click.argument("snapshot_id", metavar="ID")
@json_option
@pass_invocation
def verify(invocation: Invocation, snapshot_id: str, as_json: bool) -> None:
    """Relire la sauvegarde ID ; 1 si elle est endommagée."""
    with told_if_interrupted(lambda: f"relecture interrompue ; rien n'est dit de la sauvegarde {snapshot_id}"):
        problems = invocation.administration.snapshots.verify(snapshot_id)
    if as_json:
        print_json({"id": snapshot_id, "problems": list(problems)})
    else:
        for problem in problems:
            click.echo(problem)
    if problems:
        raise BackupError(f"la sauvegarde {snapshot_id} n'est pas utilisable")
    if not as_json:
        click.echo(f"La sauvegarde {snapshot_id} est bonne.")


@backup.command()
@click.argument("snapshot_id", metavar="ID")
@click.option(
    "--without-safety",
    is_flag=True,
    help="ne pas sauvegarder d'abord ce qui est là (données trop endommagées pour cela)",
)
@yes_option
@json_option
@pass_invocation
def restore(invocation: Invocation, snapshot_id: str, without_safety: bool, yes: bool, as_json: bool) -> None:
    """Ramener les données, et la version qui va avec, à la sauvegarde ID.

    Avec --json, ce qui se passe est dit sur l'erreur standard.
    """
    from ospi_supervisor.administration.restoration import Wish

    say = partial(_say, aside=as_json)
    snapshot = invocation.administration.snapshot(snapshot_id)
    taken = f"{snapshot.taken_at.astimezone():%d/%m/%Y à %H:%M:%S}"
    kept = "et NE SERA PAS sauvegardé" if without_safety else "(une sauvegarde de précaution en est prise d'abord)"
    say(f"Tout ce qui a été saisi depuis le {taken} sera perdu pour la plateforme {kept} ;")
    say(f"la plateforme reviendra à la version {snapshot.release}.")
    confirm(yes)
    invocation.record_action("restauration demandée", f"{snapshot_id}{', sans précaution' if without_safety else ''}")
    wish = Wish()
    with invocation.recording_failure("restauration non aboutie", snapshot_id), held(lambda: _of_wish(wish)) as stop:
        wish.wanted = lambda: stop.came
        report = invocation.administration.restore(
            snapshot_id, say, StepsInWords(say).tell, with_safety=not without_safety, wish=wish
        )
    if report.quarantine is not None:
        absent = counted(len(report.moved), "fichier absent", "fichiers absents")
        say(f"Mis de côté dans {report.quarantine}, {absent} de la sauvegarde :")
        for path in report.moved:
            say(f"  {path}")
    invocation.record_action("restauration terminée", snapshot_id)
    say(f"La plateforme est revenue à la sauvegarde {snapshot_id}.")
    if as_json:
        print_json({"id": snapshot_id, "release": snapshot.release, "moved": [str(path) for path in report.moved]})


@backup.command()
@click.argument("snapshot_id", metavar="ID")
@click.argument("file", metavar="FICHIER", type=click.Path(path_type=Path))
@json_option
@pass_invocation
def export(invocation: Invocation, snapshot_id: str, file: Path, as_json: bool) -> None:
    """Écrire la sauvegarde ID en un seul FICHIER.tar, lisible par tout outil."""
    what = f"{snapshot_id} vers {file}"
    left = f"export interrompu ; {file} n'est pas gardé, et la sauvegarde est comme avant"
    with invocation.recording_failure("export de sauvegarde non abouti", what), told_if_interrupted(lambda: left):
        invocation.administration.snapshots.export(snapshot_id, file)
    invocation.record_action("sauvegarde exportée", what)
    if as_json:
        print_json({"id": snapshot_id, "file": str(file), "size": file.stat().st_size})
        return
    click.echo(f"{file} écrit.")


@backup.command()
@click.argument("snapshot_id", metavar="[ID]", required=False)
@json_option
@pass_invocation
def drill(invocation: Invocation, snapshot_id: str | None, as_json: bool) -> None:
    """Éprouver la sauvegarde ID, sinon la dernière, en la rechargeant à côté de la plateforme.

    La version qui va avec y est démarrée. Le certificat est affiché, et gardé dans « Sauvegardes » ; 1 si la sauvegarde
    ne ramènerait pas la plateforme, ou n'a pas pu être éprouvée.
    """
    import msgspec

    operations = invocation.operations
    which = snapshot_id or "la dernière"
    request = asked(
        lambda: operations.request_drill(snapshot_id, by=invocation.person, source=Source.SHELL),
        lambda number: invocation.record_action("épreuve de sauvegarde demandée", f"{which}, demande {number}"),
    )
    left = (
        f"interrompu ; l'épreuve (demande n° {request}) continue sans cette commande : son certificat sera dans"
        " « Sauvegardes »"
    )
    certificate = operations.certificate(wait_for_words(operations, request, left))
    if as_json:
        print_json(msgspec.to_builtins(certificate))
    else:
        for line in lines_of(certificate):
            click.echo(line)
    if certificate.proof is Proof.FAILED:
        raise BackupError(
            f"la sauvegarde {certificate.snapshot} ne ramènerait pas la plateforme : {certificate.reason}"
        )
    if certificate.proof is not Proof.PROVEN:
        raise BackupError(f"la sauvegarde {certificate.snapshot} n'a pas pu être éprouvée : {certificate.reason}")
