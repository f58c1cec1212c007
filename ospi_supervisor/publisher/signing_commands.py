"""`ospi-release sign` and `protect`: one person, one key."""

from pathlib import Path

import click

from ospi_supervisor.archive.metadata import decode_root
from ospi_supervisor.domain.words import counted
from ospi_supervisor.errors import RefusedError
from ospi_supervisor.publisher.console import clear_errors
from ospi_supervisor.publisher.keys import load_key, write_key
from ospi_supervisor.publisher.passphrases import makes_keys, opens_keys, passphrase_for_new_keys
from ospi_supervisor.publisher.signing import Count, sign_file, signatures

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


def tell_missing_signatures(archive: Path) -> None:
    """On standard error, how many people have still to sign `archive`; nothing where none has."""
    count = signatures(archive)
    if not count.is_enough:
        click.echo(
            f"{archive} porte {counted(count.signed, 'signature', 'signatures')},"
            f" il en faut {count.needed} ; faites signer les autres par"
            f" « ospi-release sign {archive} --key CLÉ »",
            err=True,
        )


@click.command(name="sign")
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=_FILE)
@click.option("--key", required=True, type=_FILE, help="Votre clé privée (targets-N.pem).")
@click.option("--root", type=_FILE, help="Racine en vigueur, pour vérifier qu'une liste attend bien cette clé.")
@opens_keys
@clear_errors
def sign_command(files: tuple[Path, ...], key: Path, root: Path | None) -> None:
    """Ajoute votre signature à une archive construite ailleurs, ou à une liste du dépôt en attente."""
    trusted = None if root is None else decode_root(str(root), root.read_bytes()).signed
    for file in files:
        click.echo(f"{file} signé : {_words(sign_file(file, key, trusted))}")


@click.command(name="protect")
@click.argument("key", metavar="KEY", type=_FILE)
@makes_keys
@clear_errors
def protect_command(key: Path) -> None:
    """Chiffre une clé privée par une phrase de passe (--encrypt), ou la déchiffre (sans --encrypt)."""
    private = load_key(key)
    passphrase = passphrase_for_new_keys()
    if passphrase is not None and b"ENCRYPTED" in key.read_bytes():
        raise RefusedError(f"{key} est déjà chiffrée ; déchiffrez-la d'abord, sans « --encrypt »")
    write_key(key, private, passphrase)
    click.echo(f"{key} : {'chiffrée' if passphrase else 'en clair'}")


def _words(count: Count) -> str:
    if not count.needed:
        return f"{counted(count.signed, 'signature', 'signatures')}"
    return f"{counted(count.signed, 'signature', 'signatures')} sur {count.needed}"


SIGNING_COMMANDS = (sign_command, protect_command)
