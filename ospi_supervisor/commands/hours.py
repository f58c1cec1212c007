"""The hour of an update that waits for one, from the shell."""

import click

from ospi_supervisor.commands.context import Invocation, pass_invocation
from ospi_supervisor.commands.following import existing, wait_for_answer
from ospi_supervisor.commands.updates import hour_in
from ospi_supervisor.domain.command_line import command_line
from ospi_supervisor.domain.requests import ANNOUNCE_MINUTES_MAX, LAST_NUMBER, Asker, Source
from ospi_supervisor.domain.words import counted

update_argument = click.argument("update_id", metavar="ID", type=click.IntRange(1, LAST_NUMBER))


@click.command()
@update_argument
@click.argument("hour", metavar="HEURE")
@pass_invocation
def reschedule(invocation: Invocation, update_id: int, hour: str) -> None:
    """Changer l'heure de la mise à jour ID, préparée ou planifiée : 2026-11-30T22:00, heure du serveur."""
    at = hour_in(hour)
    existing(invocation.operations, update_id)
    number = invocation.operations.hours.reschedule(update_id, at, Asker(invocation.person, Source.SHELL))
    invocation.record_action("heure changée", f"mise à jour {update_id}, {at.isoformat()}, demande {number}")
    wait_for_answer(invocation.operations, number)
    click.echo("Heure changée.")


@click.command()
@update_argument
@pass_invocation
def start(invocation: Invocation, update_id: int) -> None:
    """Commencer sans attendre la mise à jour ID, préparée ou planifiée."""
    existing(invocation.operations, update_id)
    number = invocation.operations.hours.reschedule(update_id, None, Asker(invocation.person, Source.SHELL))
    invocation.record_action("début sans attendre", f"mise à jour {update_id}, demande {number}")
    wait_for_answer(invocation.operations, number)
    click.echo(f"La mise à jour commence ; suivez-la par « {command_line('follow')} » ou l'onglet Suivi.")


@click.command()
@update_argument
@click.option(
    "--minutes",
    metavar="MINUTES",
    required=True,
    type=click.IntRange(0, ANNOUNCE_MINUTES_MAX),
    help="Avant l'heure ; 0 : jamais.",
)
@click.option("--message", metavar="TEXTE", default="", help="Ce que le bandeau dit de plus que l'heure.")
@pass_invocation
def announce(invocation: Invocation, update_id: int, minutes: int, message: str) -> None:
    """Dire quand, et par quels mots, les utilisateurs sont prévenus de la mise à jour ID."""
    existing(invocation.operations, update_id)
    number = invocation.operations.hours.announce(update_id, minutes, message, Asker(invocation.person, Source.SHELL))
    ahead = counted(minutes, "minute", "minutes")
    invocation.record_action("annonce changée", f"mise à jour {update_id}, {ahead} avant, demande {number}")
    wait_for_answer(invocation.operations, number)
    click.echo("Annonce changée.")
