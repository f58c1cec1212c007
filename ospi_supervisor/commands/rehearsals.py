"""The rehearsal of an archive, without installing it."""

from pathlib import Path

import click

from ospi_supervisor.commands.context import Invocation, pass_invocation
from ospi_supervisor.system.interruption import told_if_interrupted

NOT_PLAYED = "répétition interrompue ; la plateforme n'en a rien vu, et rien n'en est gardé"


@click.command()
@click.argument("archive", metavar="FICHIER", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@pass_invocation
def rehearse(invocation: Invocation, archive: Path) -> None:
    """Jouer une archive sur un double de la plateforme, sans l'installer ; 1 si elle échoue ou n'a pu être jouée."""
    from ospi_supervisor.administration.rehearsing import check_played
    from ospi_supervisor.bootstrap.rehearsing import make_rehearsing

    with told_if_interrupted(lambda: NOT_PLAYED):
        verdict = make_rehearsing(invocation.config).run(archive, invocation.person, click.echo)
    invocation.record_if_possible("répétition d'une archive", f"{archive.name} : {verdict.outcome}")
    check_played(verdict)
