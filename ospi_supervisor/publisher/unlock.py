"""`ospi-release unlock-code`: the support's answer to a server whose version is locked."""

from pathlib import Path

import click

from ospi_supervisor.domain.unlock import encode_code, parse_challenge
from ospi_supervisor.publisher.console import clear_errors
from ospi_supervisor.publisher.keys import load_key


def unlock_code(key: Path, challenge: str) -> str:
    """The code that releases the failure that `challenge` names; RefusedError where it, or the key, is unusable."""
    return encode_code(load_key(key).sign(parse_challenge(challenge).signed_text))


@click.command(name="unlock-code")
@click.option(
    "--key",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Clé privée du support (support.pem).",
)
@click.argument("challenge", metavar="CHALLENGE")
@clear_errors
def unlock_code_command(key: Path, challenge: str) -> None:
    """Répond par un code à la demande de déblocage CHALLENGE d'un client ; le code ne sert qu'à elle, une fois."""
    code = unlock_code(key, challenge)
    asked = parse_challenge(challenge)
    click.echo(
        f"Déblocage de {asked.product} {asked.version}, échec de la mise à jour n° {asked.update_id} :", err=True
    )
    click.echo(code)
