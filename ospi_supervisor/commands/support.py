"""After a failure, from the shell: unlock, resume, diagnostics."""

from pathlib import Path

import click

from ospi_supervisor.commands.context import Invocation, json_option, pass_invocation, print_json
from ospi_supervisor.commands.following import existing, follow, wait_for_answer
from ospi_supervisor.domain.command_line import command_line
from ospi_supervisor.domain.lifecycle import UpdateStatus
from ospi_supervisor.domain.requests import LAST_NUMBER, Source
from ospi_supervisor.system.files import write_atomically

SOUND = frozenset({UpdateStatus.SUCCEEDED, UpdateStatus.ROLLED_BACK})
"""How an update that was taken up again is to end."""


@click.command()
@click.argument("code", nargs=-1)
@click.option("--challenge", is_flag=True, help="Montrer la demande à envoyer au support.")
@json_option
@pass_invocation
def unlock(invocation: Invocation, code: tuple[str, ...], challenge: bool, as_json: bool) -> None:
    """Débloquer la version qui a échoué, par le CODE que le support a donné."""
    if challenge == bool(code):
        raise click.UsageError("donnez soit le code du support, soit --challenge")
    if as_json and not challenge:
        raise click.UsageError("--json va avec --challenge")
    operations = invocation.operations
    if challenge:
        challenges = operations.challenges()
        if as_json:
            print_json(operations.reader.locks())
        else:
            click.echo("\n".join(challenges))
        return
    request = operations.request_unlock(" ".join(code), by=invocation.person, source=Source.SHELL)
    invocation.record_action("code de déblocage du support donné", f"demande {request}")
    update = wait_for_answer(operations, request)
    click.echo(f"Code accepté : {_effect(invocation, update)}")


def _effect(invocation: Invocation, update_id: int) -> str:
    update, status = existing(invocation.operations, update_id), invocation.operations.status()
    if update["status"] == UpdateStatus.REFUSED:  # in its rehearsal: no version was locked
        return "la prochaine répétition de cette version sera passée, une fois."
    effect = f"l'échec de la mise à jour n° {update_id} n'empêche plus rien."
    if not status["maintenance"] or status["update"] is not None or status["restoration"]:
        return effect
    return f"{effect} La page de maintenance est toujours affichée : « {command_line('maintenance off')} » la retire."


@click.command()
@click.argument("update_id", metavar="ID", type=click.IntRange(1, LAST_NUMBER))
@click.option("--wait", is_flag=True, help="Suivre jusqu'à la fin ; 0 seulement si la plateforme est rouverte.")
@pass_invocation
def resume(invocation: Invocation, update_id: int, wait: bool) -> None:
    """Reprendre la mise à jour ID là où elle s'est arrêtée en attente d'une intervention."""
    operations = invocation.operations
    existing(operations, update_id)
    after = operations.reader.last_event_id()
    request = operations.request_resume(update_id, by=invocation.person, source=Source.SHELL)
    invocation.record_action("reprise demandée", f"mise à jour {update_id}, demande {request}")
    wait_for_answer(operations, request)
    if wait:
        follow(operations, update_id, after, SOUND)
    else:
        click.echo(f"Reprise demandée ; suivez-la par « {command_line('status')} » ou l'onglet Suivi.")


@click.command()
@click.argument("file", metavar="FICHIER.zip", type=click.Path(dir_okay=False, path_type=Path))
@pass_invocation
def diagnostics(invocation: Invocation, file: Path) -> None:
    """Réunir dans FICHIER.zip ce que le support demande, sans aucun secret ; même plateforme et service web arrêtés."""
    try:
        write_atomically(file.absolute(), invocation.diagnostics.bundle(), mode=0o600)
    except OSError as error:
        error.filename = str(file)  # rather than the name that it has while it is written
        raise
    click.echo(f"{file} : à envoyer au support, {invocation.config.support.email}")
    invocation.record_if_possible("diagnostic réuni", str(file))
