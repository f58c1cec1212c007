"""What a change of this program's own version asks of it, from a shell script; not for people."""

from pathlib import Path

import click

from ospi_supervisor.commands.context import Invocation, pass_invocation
from ospi_supervisor.domain.findings import Grade
from ospi_supervisor.errors import RefusedError


@click.group("self", hidden=True)
def self_command() -> None:
    """Ce que demande un changement de version du Superviseur."""


@self_command.command("units")
@click.argument("folder", metavar="DOSSIER", type=click.Path(file_okay=False, path_type=Path))
@pass_invocation
def units(invocation: Invocation, folder: Path) -> None:
    """Écrire les unités de cette version dans DOSSIER, et n'ouvrir aucune base."""
    folder.mkdir(exist_ok=True)
    for name, text in invocation.administration.systemd_units(invocation.config_path.resolve()).items():
        (folder / name).write_text(text, encoding="utf-8")


@self_command.command("up")
@pass_invocation
def up(invocation: Invocation) -> None:
    """0 si les deux processus vivent dans cette version."""
    wrong = [item.message for item in invocation.administration.processes() if item.level is not Grade.OK]
    if wrong:
        raise RefusedError(" ; ".join(wrong))
