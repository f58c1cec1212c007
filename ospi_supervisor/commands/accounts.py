"""Accounts of the supervisor: add, password, list, remove. The password comes on standard input."""

from datetime import UTC, datetime

import click

from ospi_supervisor.commands.context import (
    Invocation,
    confirm,
    json_option,
    pass_invocation,
    print_json,
    print_table,
    yes_option,
)
from ospi_supervisor.domain.command_line import command_line
from ospi_supervisor.domain.roles import ADMINISTRATION_SYSTEM
from ospi_supervisor.system.console import read_password


@click.group()
def user() -> None:
    """Les comptes du Superviseur."""


@user.command()
@click.argument("name", metavar="NOM")
@click.option(
    "--group",
    "groups",
    multiple=True,
    metavar="GROUPE",
    help='Un groupe, comme "administration system" ; peut être répété.',
)
@pass_invocation
def add(invocation: Invocation, name: str, groups: tuple[str, ...]) -> None:
    """Ajouter le compte NOM ; son mot de passe vient de l'entrée standard."""
    invocation.accounts.add(name, read_password(), groups, datetime.now(UTC))
    of_groups = f"groupes : {', '.join(groups) or 'aucun'}"
    invocation.record_action("compte ajouté", f"{name} ({of_groups})")
    click.echo(f"Compte {name} ajouté ({of_groups}).")
    if ADMINISTRATION_SYSTEM not in groups:
        click.echo(
            f"Ce compte n'a pas accès à Superviseur : c'est le groupe « {ADMINISTRATION_SYSTEM} » qui le donne. Retirez"
            f' le compte, puis ajoutez-le avec --group "{ADMINISTRATION_SYSTEM}".'
        )


@user.command()
@click.argument("name", metavar="NOM")
@pass_invocation
def password(invocation: Invocation, name: str) -> None:
    """Changer le mot de passe de NOM ; il vient de l'entrée standard. Ses sessions prennent fin."""
    invocation.accounts.set_password(name, read_password())
    invocation.record_action("mot de passe changé", name)
    click.echo(f"Mot de passe de {name} changé.")


@user.command("list")
@json_option
@pass_invocation
def list_command(invocation: Invocation, as_json: bool) -> None:
    """Les comptes et leurs groupes."""
    accounts = invocation.accounts.all()
    if as_json:
        print_json(
            [{"username": row.username, "groups": list(row.groups), "must_renew": row.must_renew} for row in accounts]
        )
        return
    titles = {"username": "compte", "groups": "groupes", "password": "mot de passe"}
    print_table(
        titles,
        [
            {
                "username": row.username,
                "groups": ", ".join(row.groups),
                "password": "à remplacer (user password)" if row.must_renew else "",
            }
            for row in accounts
        ],
    )


@user.command()
@click.argument("name", metavar="NOM")
@yes_option
@pass_invocation
def remove(invocation: Invocation, name: str, yes: bool) -> None:
    """Retirer le compte NOM ; ses sessions prennent fin."""
    confirm(yes, f"Le compte {name} sera retiré, et ses sessions prendront fin.")
    invocation.accounts.remove(name)
    invocation.record_action("compte retiré", name)
    click.echo(f"Compte {name} retiré.")
    if not any(row.is_administrator for row in invocation.accounts.all()):
        click.echo(
            "Plus aucun compte n'a accès à Superviseur ; ajoutez-en un :"
            f' {command_line("user add NOM --group")} "{ADMINISTRATION_SYSTEM}"'
        )
