"""`ospi-release doctor`, `mirror`, `resign` and `journal`: looking after a repository."""

import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from ospi_supervisor.domain.words import counted
from ospi_supervisor.errors import RefusedError
from ospi_supervisor.publisher.console import clear_errors
from ospi_supervisor.publisher.doctor import ask, examine
from ospi_supervisor.publisher.journal import read
from ospi_supervisor.publisher.keys import root_chain
from ospi_supervisor.publisher.mirror import Folder, Site, Source, mirror
from ospi_supervisor.publisher.passphrases import opens_keys
from ospi_supervisor.publisher.repository import Repository, decoded
from ospi_supervisor.publisher.resigning import resign, resign_files
from ospi_supervisor.publisher.rotation import repair

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_REPOSITORY = click.option("--repository", required=True, type=_FOLDER, help="Dossier du dépôt.")
_KEYS = click.option("--keys", required=True, type=_FOLDER, help="Dossier créé par « init ».")


@click.command(name="doctor")
@_REPOSITORY
@_KEYS
@click.option("--deep", is_flag=True, help="Relit chaque octet des archives.")
@click.option("--public", metavar="ADRESSE", help="Autre copie que vos clients lisent : ce qu'elle montre a été vu.")
@click.option(
    "--repair",
    "repairing",
    is_flag=True,
    help="Signe de nouveau le dépôt, à la suite de ce que vos clients ont vu. Vérifiez d'abord « list ».",
)
@opens_keys
@clear_errors
def doctor_command(repository: Path, keys: Path, deep: bool, public: str | None, repairing: bool) -> None:
    """Dit ce qui ne va pas dans un dépôt, et quoi faire ; 1 si des clients en souffrent. Pour une tâche planifiée."""
    place = Repository(repository)
    if public is not None:
        ask(_source(public), keys)
    before = examine(place, keys, datetime.now(UTC), deep=deep)
    if repairing:
        repair(place, keys, datetime.now(UTC))
        click.echo("dépôt signé de nouveau, à la suite de ce que vos clients ont vu")
        lost = [finding for finding in before if "n'y est plus" in finding.problem]
        before = [*lost, *examine(place, keys, datetime.now(UTC), deep=deep)]
    for finding in before:
        click.echo(f"{'DÉFAUT' if finding.is_fault else 'avis'} : {finding.problem} ; {finding.cure}", err=True)
    if any(finding.is_fault for finding in before):
        sys.exit(1)
    click.echo("dépôt en bon état")


def _source(text: str) -> Source:
    """The repository in a folder, or at an address."""
    if text.startswith(("http://", "https://")):
        return Site(text)
    if not (Path(text) / "metadata").is_dir():
        raise RefusedError(f"{text} n'est pas un dépôt ; donnez son dossier, ou son adresse HTTP")
    return Folder(Path(text))


@click.command(name="mirror")
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO", type=click.Path(file_okay=False, path_type=Path))
@clear_errors
def mirror_command(source: str, target: Path) -> None:
    """Copie le dépôt FROM (dossier ou adresse) dans TO : jamais une version n'y est vue sans son archive."""
    copied = mirror(_source(source), Repository(target))
    click.echo(f"{target} : à jour, {counted(copied, 'fichier copié', 'fichiers copiés')}")


@click.command(name="resign")
@click.argument("files", metavar="[FILE]...", nargs=-1, type=_FILE)
@click.option("--repository", type=_FOLDER, help="Dossier du dépôt : signe et publie ce qui y a été mis de côté.")
@_KEYS
@opens_keys
@clear_errors
def resign_command(files: tuple[Path, ...], repository: Path | None, keys: Path) -> None:
    """Signe de nouveau, sans les reconstruire, des archives qu'une clé remplacée avait signées."""
    if (repository is None) == (not files):
        raise click.UsageError("donnez des archives, ou « --repository »")
    if repository is None:
        resign_files(list(files), keys, datetime.now(UTC))
    names = [file.name for file in files]
    if repository is not None:
        names = [offer.filename for offer in resign(Repository(repository), keys, datetime.now(UTC))]
    for name in names:
        click.echo(f"{name} signé de nouveau")


@click.command(name="journal")
@_REPOSITORY
@_KEYS
@clear_errors
def journal_command(repository: Path, keys: Path) -> None:
    """Prouve et affiche le journal du dépôt : qui a publié, retiré, suspendu ou changé quoi."""
    for act in read(repository, decoded(root_chain(keys))):
        click.echo(f"{act.at[:19]}  {act.by}  {act.action}  {act.detail}")


CARE_COMMANDS = (doctor_command, mirror_command, resign_command, journal_command)
