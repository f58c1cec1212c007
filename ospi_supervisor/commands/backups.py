"""The snapshots of the data: list, create, verify, restore, export."""

import sys
from pathlib import Path
from typing import Any

import click

from ospi_supervisor.commands.context import Session, json_option, local_time, pass_session, print_json, print_table
from ospi_supervisor.domain.words import counted, size
from ospi_supervisor.errors import BackupError


@click.group()
def backup() -> None:
    """Les sauvegardes des données."""


@backup.command("list")
@json_option
@pass_session
def list_command(session: Session, as_json: bool) -> None:
    """Les sauvegardes utilisables, de la plus ancienne à la plus récente."""
    rows: list[dict[str, Any]] = [
        {
            "id": snapshot.id,
            "taken_at": snapshot.taken_at.astimezone().isoformat(timespec="seconds"),
            "release": snapshot.release,
            "base": snapshot.base,
            "size": snapshot.size,
        }
        for snapshot in session.administration.snapshots.list()
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
@pass_session
def create(session: Session) -> None:
    """Prendre une sauvegarde complète, sans arrêter la plateforme."""
    with session.recording_failure("sauvegarde non aboutie"):
        snapshot = session.administration.create_backup()
    session.record("sauvegarde prise", snapshot.id)
    click.echo(
        f"Sauvegarde {snapshot.id} : {counted(snapshot.files, 'fichier', 'fichiers')}, {size(snapshot.size)}, relue."
    )


@backup.command()
@click.argument("snapshot_id", metavar="ID")
@json_option
@pass_session
def verify(session: Session, snapshot_id: str, as_json: bool) -> None:
    """Relire la sauvegarde ID ; 1 si elle est endommagée."""
    problems = session.administration.snapshots.verify(snapshot_id)
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
@pass_session
def restore(session: Session, snapshot_id: str, without_safety: bool) -> None:
    """Ramener les données, et la version qui va avec, à la sauvegarde ID."""
    snapshot = session.administration.snapshot(snapshot_id)
    taken = f"{snapshot.taken_at.astimezone():%d/%m/%Y à %H:%M:%S}"
    kept = "et NE SERA PAS sauvegardé" if without_safety else "(une sauvegarde de précaution en est prise d'abord)"
    click.echo(f"Tout ce qui a été saisi depuis le {taken} sera perdu pour la plateforme {kept} ;")
    click.echo(f"la plateforme reviendra à la version {snapshot.release}.")
    if sys.stdin.isatty():
        click.confirm("Continuer ?", abort=True)
    session.record("restauration demandée", f"{snapshot_id}{', sans précaution' if without_safety else ''}")
    with session.recording_failure("restauration non aboutie", snapshot_id):
        report = session.administration.restore(snapshot_id, click.echo, with_safety=not without_safety)
    if report.quarantine is not None:
        absent = counted(len(report.moved), "fichier absent", "fichiers absents")
        click.echo(f"Mis de côté dans {report.quarantine}, {absent} de la sauvegarde :")
        for path in report.moved:
            click.echo(f"  {path}")
    session.record("restauration terminée", snapshot_id)
    click.echo(f"La plateforme est revenue à la sauvegarde {snapshot_id}.")


@backup.command()
@click.argument("snapshot_id", metavar="ID")
@click.argument("file", type=click.Path(path_type=Path))
@pass_session
def export(session: Session, snapshot_id: str, file: Path) -> None:
    """Écrire la sauvegarde ID en un seul FILE.tar, lisible par tout outil."""
    what = f"{snapshot_id} vers {file}"
    with session.recording_failure("export de sauvegarde non abouti", what):
        session.administration.snapshots.export(snapshot_id, file)
    session.record("sauvegarde exportée", what)
    click.echo(f"{file} écrit.")
