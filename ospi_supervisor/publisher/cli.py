"""`ospi-release`: the vendor's command line. Exit 0 done, 1 refused or failed, 2 wrong usage."""

from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec

from ospi_supervisor.archive.layout import root_name
from ospi_supervisor.archive.reader import Archive
from ospi_supervisor.archive.trust import Trust
from ospi_supervisor.errors import printable, printable_json
from ospi_supervisor.publisher.build_commands import BUILD_COMMANDS
from ospi_supervisor.publisher.care_commands import CARE_COMMANDS
from ospi_supervisor.publisher.commands import REPOSITORY_COMMANDS
from ospi_supervisor.publisher.console import clear_errors
from ospi_supervisor.publisher.customer_area.commands import AREA_COMMANDS
from ospi_supervisor.publisher.inspect import first_root
from ospi_supervisor.publisher.keys import init_keys
from ospi_supervisor.publisher.passphrases import makes_keys
from ospi_supervisor.publisher.signing_commands import SIGNING_COMMANDS
from ospi_supervisor.publisher.unlock import unlock_code_command
from ospi_supervisor.publisher.verify import verify

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Construit, signe, vérifie et publie les archives de mise à jour (.ospi)."""


for _command in (
    *BUILD_COMMANDS,
    *SIGNING_COMMANDS,
    *REPOSITORY_COMMANDS,
    *CARE_COMMANDS,
    *AREA_COMMANDS,
    unlock_code_command,
):
    main.add_command(_command)


@main.command()
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@makes_keys
@clear_errors
def init(folder: Path) -> None:
    """Crée les clés de l'éditeur et les premières métadonnées racine."""
    init_keys(folder, datetime.now(UTC))
    private = folder / "private"
    click.echo(
        f"""Clés créées dans {folder}.

À livrer avec Superviseur (public) : {folder / "root.json"}
À garder secret, dans {private} (mode 0600) :
  root-*.pem       hors ligne, sur deux supports séparés dans un coffre : elles ne servent qu'à changer de clés
  targets-*.pem    signent chaque version ; les deux sont nécessaires, confiez-les à deux personnes
  snapshot-1.pem, timestamp-1.pem    signent le dépôt ; elles peuvent rester sur le serveur de publication
  support.pem      signe les codes de déblocage du support, et rien d'autre ; sa clé publique est support.pub.pem
Faites-en une copie chiffrée avant de publier : une clé perdue ne se retrouve pas."""
    )


@main.command()
@click.argument("file", metavar="FILE", type=_FILE)
@click.option("--json", "as_json", is_flag=True, help="En JSON.")
@clear_errors
def inspect(file: Path, as_json: bool) -> None:
    """Décrit une archive. Ne prouve pas de qui elle vient : utilisez « verify »."""
    with Archive.open(file, Trust(first_root(file)), datetime.now(UTC)) as archive:
        facts = {
            "manifest": msgspec.to_builtins(archive.manifest),
            "summary": msgspec.to_builtins(archive.header.summary),
            "members": [
                {"name": member.name, "length": member.length, "sha256": member.sha256}
                for member in archive.header.members
            ],
        }
    if as_json:
        click.echo(printable_json(msgspec.json.format(msgspec.json.encode(facts)).decode()))
        return
    for section in ("summary", "manifest"):
        click.echo(f"{section} :")
        for key, value in facts[section].items():
            click.echo(f"  {key} : {printable(str(value))}")
    click.echo(f"{len(facts['members'])} éléments, premier : {root_name(1)}")


@main.command(name="verify")
@click.argument("file", metavar="FILE", type=_FILE)
@click.option("--root", required=True, type=_FILE, help="Métadonnées racine livrées aux hôpitaux.")
@click.option("--base", type=_FILE, help="Pour une archive différentielle : l'archive complète de sa version de base.")
@clear_errors
def verify_command(file: Path, root: Path, base: Path | None) -> None:
    """Vérifie tout : signatures, chaque octet, et que la version s'extrait."""
    summary = verify(file, root.read_bytes(), datetime.now(UTC), base)
    if summary.base is not None and base is None:
        click.echo(
            f"{file} : {summary.product} {summary.version}, chaque octet prouvé ; son application à la version"
            f" {summary.base} n'a pas été essayée, donnez l'archive complète de celle-ci par « --base »"
        )
    else:
        click.echo(f"{file} : {summary.product} {summary.version}, entièrement prouvé")
    if summary.expired:
        click.echo("attention : la date des signatures est passée", err=True)
