"""The validation behind the closed door from the shell: open, go-back, link."""

import click

from ospi_supervisor.commands.context import Invocation, confirm_at_terminal, pass_invocation, unasked_option
from ospi_supervisor.commands.following import existing, wait_for_answer
from ospi_supervisor.domain.requests import LAST_NUMBER, Asker, Source
from ospi_supervisor.errors import RefusedError

identifier = click.argument("update_id", metavar="ID", type=click.IntRange(1, LAST_NUMBER))


@click.command("open")
@identifier
@pass_invocation
def open_command(invocation: Invocation, update_id: int) -> None:
    """Ouvrir à tous la nouvelle version, qui attend sa validation."""
    operations = invocation.operations
    existing(operations, update_id)
    request = operations.validation.open(update_id, Asker(invocation.person, Source.SHELL))
    invocation.record_action("ouverture de la nouvelle version demandée", f"mise à jour {update_id}, demande {request}")
    wait_for_answer(operations, request)
    click.echo("La nouvelle version va être ouverte à tous.")


@click.command("go-back")
@identifier
@unasked_option
@pass_invocation
def go_back(invocation: Invocation, update_id: int, yes: bool) -> None:
    """Ramener l'ancienne version et ses données, à la place de celle qui attend sa validation.

    Tout ce qui a été écrit depuis l'interruption est perdu.
    """
    operations = invocation.operations
    existing(operations, update_id)
    operations.validation.waiting(update_id)
    confirm_at_terminal("Tout ce qui a été écrit depuis l'interruption sera perdu.", yes)
    request = operations.validation.go_back(update_id, Asker(invocation.person, Source.SHELL))
    invocation.record_action("retour à l'ancienne version demandé", f"mise à jour {update_id}, demande {request}")
    wait_for_answer(operations, request)
    click.echo("L'ancienne version va revenir.")


@click.command()
@identifier
@pass_invocation
def link(invocation: Invocation, update_id: int) -> None:
    """Le lien qui mène à la nouvelle version pendant sa validation. C'est un secret."""
    operations = invocation.operations
    existing(operations, update_id)
    operations.validation.waiting(update_id)
    address = operations.validation.link()
    if address is None:
        raise RefusedError("le lien n'est pas lisible par ce compte ; lancez la commande en tant que root")
    invocation.record_action("lien de validation affiché", f"mise à jour {update_id}")
    click.echo(address)
