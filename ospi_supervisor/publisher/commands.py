"""`ospi-release publish`, `list`, `withdraw`, `refresh`, `rotate-root`: the vendor's repository."""

from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec

from ospi_supervisor.publisher.console import clear_errors
from ospi_supervisor.publisher.keys import RETIRED
from ospi_supervisor.publisher.passphrases import makes_keys, opens_keys
from ospi_supervisor.publisher.publication import hold, parse_rollout, publish, refresh, withdraw
from ospi_supervisor.publisher.repository import Repository
from ospi_supervisor.publisher.rotation import Rotation, parse_scheme, repair, rotate_root

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_REPOSITORY = click.option(
    "--repository",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Dossier du dépôt ; un serveur web le présente tel quel.",
)
_DEFAULT_SCHEME = "root=2/2"
_KEYS = click.option("--keys", required=True, type=_FOLDER, help="Dossier créé par « init ».")


@click.command(name="publish")
@click.argument("file", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_REPOSITORY
@_KEYS
@click.option("--rollout", metavar="1%,10%,100%", help="Parts des serveurs qui peuvent la prendre la nuit.")
@click.option("--days", metavar="0,2,5", help="Jours, à partir d'aujourd'hui, où chaque part s'ouvre.")
@opens_keys
@clear_errors
def publish_command(file: Path, repository: Path, keys: Path, rollout: str | None, days: str | None) -> None:
    """Ajoute une archive et sa notice au dépôt, sans gêner les clients qui le lisent."""
    now = datetime.now(UTC)
    shares = parse_rollout(rollout, days, now)
    offer = publish(Repository(repository), keys, file, now, shares)
    click.echo(f"{offer.filename} publié ({offer.size} octets, sha256 {offer.sha256})")
    for share in shares:
        click.echo(f"  {share.percent:g} % des serveurs à partir du {share.start:%d/%m/%Y}")


@click.command(name="hold")
@click.argument("version", metavar="VERSION")
@click.option("--product", required=True)
@click.option("--reason", help="Pourquoi ; les administrateurs le lisent.")
@click.option("--lift", is_flag=True, help="Lève la suspension.")
@_REPOSITORY
@_KEYS
@opens_keys
@clear_errors
def hold_command(version: str, product: str, reason: str | None, lift: bool, repository: Path, keys: Path) -> None:
    """Suspend une version : aucun serveur ne la prend plus de lui-même ; elle reste proposée à la main."""
    if bool(reason) == lift:
        raise click.UsageError("donnez la raison par « --reason », ou « --lift » pour lever la suspension")
    for offer in hold(Repository(repository), keys, product, version, None if lift else reason, datetime.now(UTC)):
        click.echo(f"{offer.filename} {'de nouveau proposé' if lift else 'suspendu'}")


@click.command(name="list")
@_REPOSITORY
@click.option("--json", "as_json", is_flag=True, help="En JSON.")
@clear_errors
def list_command(repository: Path, as_json: bool) -> None:
    """Liste ce que le dépôt présente."""
    offers = Repository(repository).offers()
    if as_json:
        click.echo(msgspec.json.encode(offers).decode())
        return
    for offer in offers:
        base = f" depuis {offer.base}" if offer.base else ""
        held = f"  suspendu : {offer.held}" if offer.held else ""
        click.echo(
            f"{offer.date:%d/%m/%Y}  {offer.product} {offer.version}  {offer.kind}{base}  {offer.size} octets{held}"
        )


@click.command(name="withdraw")
@click.argument("version", metavar="VERSION")
@click.option("--product", required=True)
@click.option("--from", "base", metavar="VERSION", help="Retire la seule archive différentielle depuis cette version.")
@_REPOSITORY
@_KEYS
@opens_keys
@clear_errors
def withdraw_command(version: str, product: str, base: str | None, repository: Path, keys: Path) -> None:
    """Retire du dépôt toutes les archives d'une version, et sa notice."""
    for offer in withdraw(Repository(repository), keys, product, version, datetime.now(UTC), base):
        click.echo(f"{offer.filename} retiré")


@click.command(name="refresh")
@_REPOSITORY
@_KEYS
@opens_keys
@clear_errors
def refresh_command(repository: Path, keys: Path) -> None:
    """Signe de nouveau la date du dépôt ; à lancer chaque jour."""
    for warning in refresh(Repository(repository), keys, datetime.now(UTC)):
        click.echo(f"attention : {warning}", err=True)
    click.echo("dépôt daté d'aujourd'hui")


@click.command(name="rotate-root")
@click.option(
    "--role",
    "roles",
    multiple=True,
    metavar="RÔLE=SEUIL/NOMBRE",
    help="Rôle (root, targets, snapshot, timestamp) qui reçoit NOMBRE clés neuves, dont SEUIL doivent signer."
    f" Par défaut : {_DEFAULT_SCHEME}.",
)
@click.option(
    "--repair",
    "repairing",
    is_flag=True,
    help="Ne change aucune clé : signe de nouveau, par les clés actuelles, un dépôt que des clés remplacées ont signé."
    " Vérifiez d'abord par « list » que tout y vient de vous.",
)
@_REPOSITORY
@_KEYS
@makes_keys
@clear_errors
def rotate_command(roles: tuple[str, ...], repairing: bool, repository: Path, keys: Path) -> None:
    """Change des clés : publie une nouvelle racine signée par l'ancienne, que chaque client peut suivre.

    Interrompue, relancez-la : elle achève le changement commencé.
    """
    if repairing and roles:
        raise click.UsageError("« --repair » ne change aucune clé ; lancez ensuite « rotate-root » pour « --role »")
    if repairing:
        rotation = repair(Repository(repository), keys, datetime.now(UTC))
        click.echo(f"dépôt signé de nouveau par les clés de la racine {rotation.version}")
    else:
        schemes = dict(parse_scheme(text) for text in roles or (_DEFAULT_SCHEME,))
        rotation = rotate_root(Repository(repository), keys, schemes, datetime.now(UTC))
        click.echo(_told(rotation, keys))
    for offer in rotation.dropped:
        click.echo(f"{offer.filename} était signé par une clé remplacée : mis de côté")
    if rotation.dropped:
        click.echo("Vérifiez que tout cela vient de vous, puis signez-le de nouveau par « ospi-release resign ».")


def _told(rotation: Rotation, keys: Path) -> str:
    """What people do after a change of keys."""
    resumed = (
        f"Elle était déjà dans {keys} : ce changement-là est achevé, aucune autre clé n'a changé. Vérifiez par « list »"
        " ce qui reste à publier de nouveau ; pour changer d'autres clés, relancez la commande.\n"
    )
    return (
        f"racine {rotation.version} publiée ; livrez {keys / 'root.json'} avec les prochaines installations.\n"
        f"{resumed if rotation.resumed else ''}"
        f"Les anciennes clés privées sont dans {keys / RETIRED} :"
        f" détruisez-les quand tous vos dépôts ont la racine {rotation.version}."
    )


REPOSITORY_COMMANDS = (publish_command, hold_command, list_command, withdraw_command, refresh_command, rotate_command)
