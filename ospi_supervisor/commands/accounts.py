"""Accounts of the supervisor: add, password, list, remove. The password comes on standard input."""

import sys
from datetime import UTC, datetime

import click

from ospi_supervisor.commands.context import Session, json_option, pass_session, print_json, print_table
from ospi_supervisor.store.web_models import ADMINISTRATION_SYSTEM


@click.group()
def user() -> None:
    """Les comptes du Superviseur."""


@user.command()
@click.argument("name")
@click.option("--group", "groups", multiple=True, help='Un groupe, comme "administration system" ; peut être répété.')
@pass_session
def add(session: Session, name: str, groups: tuple[str, ...]) -> None:
    """Ajouter le compte NAME ; son mot de passe vient de l'entrée standard."""
    session.accounts.add(name, _password(), groups, datetime.now(UTC))
    of_groups = f"groupes : {', '.join(groups) or 'aucun'}"
    session.record("compte ajouté", f"{name} ({of_groups})")
    click.echo(f"Compte {name} ajouté ({of_groups}).")
    if ADMINISTRATION_SYSTEM not in groups:
        click.echo(
            f"Ce compte n'a pas accès à Superviseur : c'est le groupe « {ADMINISTRATION_SYSTEM} » qui le donne. Retirez"
            f' le compte, puis ajoutez-le avec --group "{ADMINISTRATION_SYSTEM}".'
        )


@user.command()
@click.argument("name")
@pass_session
def password(session: Session, name: str) -> None:
    """Changer le mot de passe de NAME ; il vient de l'entrée standard. Ses sessions prennent fin."""
    session.accounts.set_password(name, _password())
    session.record("mot de passe changé", name)
    click.echo(f"Mot de passe de {name} changé.")


@user.command("list")
@json_option
@pass_session
def list_command(session: Session, as_json: bool) -> None:
    """Les comptes et leurs groupes."""
    rows = [{"username": row.username, "groups": list(row.groups)} for row in session.accounts.all()]
    if as_json:
        print_json(rows)
        return
    lines = [{**row, "groups": ", ".join(row["groups"])} for row in rows]
    print_table({"username": "compte", "groups": "groupes"}, lines)


@user.command()
@click.argument("name")
@pass_session
def remove(session: Session, name: str) -> None:
    """Retirer le compte NAME ; ses sessions prennent fin."""
    session.accounts.remove(name)
    session.record("compte retiré", name)
    click.echo(f"Compte {name} retiré.")
    if not any(row.is_administrator for row in session.accounts.all()):
        click.echo(
            "Plus aucun compte n'a accès à Superviseur ; ajoutez-en un :"
            f' ospi-supervisor user add NOM --group "{ADMINISTRATION_SYSTEM}"'
        )


def _password() -> str:
    if sys.stdin.isatty():
        return str(click.prompt("Mot de passe", hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\n")
