"""`ospi-release`: the vendor's command line. Exit 0 done, 1 refused or failed, 2 wrong usage."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import msgspec

from ospi_supervisor.archive.layout import root_name
from ospi_supervisor.archive.reader import Archive
from ospi_supervisor.archive.trust import Trust
from ospi_supervisor.domain.manifest import Hook, HookPhase, Manifest
from ospi_supervisor.domain.versions import satisfies
from ospi_supervisor.publisher.area.commands import AREA_COMMANDS
from ospi_supervisor.publisher.build import Sources, build
from ospi_supervisor.publisher.commands import REPOSITORY_COMMANDS
from ospi_supervisor.publisher.console import clear_errors
from ospi_supervisor.publisher.delta import build_delta
from ospi_supervisor.publisher.inspect import first_root
from ospi_supervisor.publisher.keys import init_keys, midnight
from ospi_supervisor.publisher.unlock import unlock_code_command
from ospi_supervisor.publisher.verify import verify

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_OUTPUT = click.Path(dir_okay=False, path_type=Path)
_VALIDITY = timedelta(days=365)
_EXPIRES = click.option("--expires", type=click.DateTime(["%Y-%m-%d"]), help="Fin des signatures (un an par défaut).")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Construit, signe, vérifie et publie les archives de mise à jour (.ospi)."""


for _command in (*REPOSITORY_COMMANDS, *AREA_COMMANDS, unlock_code_command):
    main.add_command(_command)


@main.command()
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
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


@main.command(name="build")
@click.option("--keys", required=True, type=_FOLDER, help="Dossier créé par « init ».")
@click.option("--product", required=True)
@click.option("--version", "version", required=True, help="Version, par exemple 11.6.0.")
@click.option("--requires", default=">=10.0.0", show_default=True, help="Condition sur la version installée.")
@click.option("--payload", required=True, type=_FOLDER, help="Arborescence de la version.")
@click.option("--notice", required=True, type=_FILE, help="Notice (PDF) à lire avant l'installation.")
@click.option("--hooks", type=_FOLDER, help="Dossier de programmes, placé dans la version sous « hooks ».")
@click.option("--hook", "hook_texts", multiple=True, metavar="PHASE:NOM:SECONDES:TITRE", help="stage ou migrate.")
@click.option("--writable", multiple=True, metavar="DOSSIER", help="Dossier où les programmes peuvent écrire.")
@click.option("--os", "systems", multiple=True, metavar="ID", help="Système accepté, par exemple rocky-9.")
@_EXPIRES
@click.option("-o", "--output", required=True, type=_OUTPUT)
@clear_errors
def build_command(
    keys: Path,
    product: str,
    version: str,
    requires: str,
    payload: Path,
    notice: Path,
    hooks: Path | None,
    hook_texts: tuple[str, ...],
    writable: tuple[str, ...],
    systems: tuple[str, ...],
    expires: datetime | None,
    output: Path,
) -> None:
    """Construit et signe une archive complète ; la même entrée donne les mêmes octets, signatures à part."""
    satisfies(version, requires)  # refuses what is neither a version nor a condition
    manifest = Manifest(
        product=product,
        version=version,
        requires=requires,
        os=systems,
        hooks=tuple(_parse_hook(text) for text in hook_texts),
        writable=tuple(sorted(writable)),
    )
    sources = Sources(payload=payload, notice=notice, hooks=hooks, keys=keys, expires=_end(expires))
    built = build(sources, manifest, output)
    click.echo(
        f"{output} : {built.product} {built.version}, {built.entries} éléments,"
        f" {built.unpacked_bytes} octets, {output.stat().st_size} dans l'archive"
    )


@main.command(name="delta")
@click.option("--keys", required=True, type=_FOLDER, help="Dossier créé par « init ».")
@click.argument("old", metavar="OLD", type=_FILE)
@click.argument("new", metavar="NEW", type=_FILE)
@_EXPIRES
@click.option("-o", "--output", required=True, type=_OUTPUT)
@clear_errors
def delta_command(keys: Path, old: Path, new: Path, expires: datetime | None, output: Path) -> None:
    """Construit et signe l'archive différentielle qui mène de la version de OLD à celle de NEW."""
    built = build_delta(old, new, keys, datetime.now(UTC), _end(expires), output)
    size, full = output.stat().st_size, new.stat().st_size
    click.echo(
        f"{output} : {built.product} {built.base} → {built.version}, {size} octets"
        f" ({100 * size / full:.1f} % de l'archive complète)"
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
        click.echo(msgspec.json.format(msgspec.json.encode(facts)).decode())
        return
    for section in ("summary", "manifest"):
        click.echo(f"{section} :")
        for key, value in facts[section].items():
            click.echo(f"  {key} : {value}")
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


def _end(expires: datetime | None) -> datetime:
    """The date of the signatures: a year from today where none is asked for."""
    return expires.replace(tzinfo=UTC) if expires else midnight(datetime.now(UTC)) + _VALIDITY


def _parse_hook(text: str) -> Hook:
    parts = text.split(":", 3)
    if len(parts) != 4 or parts[0] not in set(HookPhase) or not parts[2].isdigit() or not int(parts[2]):
        raise click.BadParameter(f"« {text} » : attendu PHASE:NOM:SECONDES:TITRE, PHASE étant stage ou migrate")
    return Hook(phase=HookPhase(parts[0]), name=parts[1], timeout=int(parts[2]), title=parts[3])
