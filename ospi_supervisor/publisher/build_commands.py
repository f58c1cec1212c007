"""`ospi-release build` and `delta`."""

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from ospi_supervisor.domain import words
from ospi_supervisor.domain.manifest import Hook, HookPhase, Manifest, Severity
from ospi_supervisor.domain.versions import can_follow, satisfies
from ospi_supervisor.publisher.build import Sources, build
from ospi_supervisor.publisher.console import clear_errors
from ospi_supervisor.publisher.delta import build_delta
from ospi_supervisor.publisher.keys import midnight
from ospi_supervisor.publisher.passphrases import opens_keys
from ospi_supervisor.publisher.signing_commands import tell_missing_signatures
from ospi_supervisor.publisher.trial import measure_hooks

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_OUTPUT = click.Path(dir_okay=False, path_type=Path)
_DAY = click.DateTime(["%Y-%m-%d"])
_VALIDITY = timedelta(days=365)
_SEED_REQUIREMENT = ">=10.0.0"


def _today(context: click.Context, option: click.Parameter, day: datetime | None) -> datetime:
    """The day that a build is dated: SOURCE_DATE_EPOCH where no option says it, else today."""
    if day is not None:
        return day.replace(tzinfo=UTC)
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    try:
        return datetime.fromtimestamp(int(epoch), UTC) if epoch else datetime.now(UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise click.BadParameter(f"SOURCE_DATE_EPOCH vaut « {epoch} » ; attendu un nombre de secondes") from error


_KEYS = click.option("--keys", required=True, type=_FOLDER, help="Dossier créé par « init ».")
_UNSIGNED = click.option(
    "--unsigned", is_flag=True, help="Ne signe pas : chacun signe ensuite par « ospi-release sign »."
)
_EXPIRES = click.option("--expires", type=_DAY, help="Fin des signatures (un an après la date par défaut).")
_DATE = click.option(
    "--date",
    "today",
    type=_DAY,
    callback=_today,
    help="Date de la construction, aujourd'hui ou SOURCE_DATE_EPOCH par défaut : la même donne les mêmes octets.",
)


@click.command(name="build")
@_KEYS
@click.option("--product", required=True)
@click.option("--version", "version", required=True, help="Version, par exemple 11.6.0.")
@click.option("--requires", help=f"Condition sur la version installée ; {_SEED_REQUIREMENT} par défaut.")
@click.option("--supervisor", default="", help="Condition sur la version du Superviseur, par exemple >=0.3.0.")
@click.option("--payload", required=True, type=_FOLDER, help="Arborescence de la version.")
@click.option("--notice", required=True, type=_FILE, help="Notice (PDF) à lire avant l'installation.")
@click.option("--hooks", type=_FOLDER, help="Dossier de programmes, placé dans la version sous « hooks ».")
@click.option("--hook", "hook_texts", multiple=True, metavar="PHASE:NOM:SECONDES:TITRE", help="stage ou migrate.")
@click.option("--not-rehearsed", multiple=True, metavar="NOM:MOTIF", help="Programme qu'une répétition ne joue pas.")
@click.option("--writable", multiple=True, metavar="DOSSIER", help="Dossier où les programmes peuvent écrire.")
@click.option("--hooks-bytes", type=click.IntRange(0), default=0, help="Place que les programmes « stage » prennent.")
@click.option("--try-hooks", is_flag=True, help="Essaie les programmes « stage » ici, et annonce la place mesurée.")
@click.option("--os", "systems", multiple=True, metavar="ID", help="Système accepté, par exemple rocky-9.")
@click.option(
    "--severity", type=click.Choice([item.value for item in Severity]), help="Gravité (CVSS) de ce qui est corrigé."
)
@click.option("--fixes", multiple=True, metavar="CVE-…", help="Vulnérabilité corrigée.")
@click.option("--sbom", type=_FILE, help="Nomenclature des composants (CycloneDX, JSON).")
@click.option("--support-until", type=_DAY, help="Dernier jour où vous répondez de cette version.")
@_UNSIGNED
@_EXPIRES
@_DATE
@click.option("-o", "--output", required=True, type=_OUTPUT)
@opens_keys
@clear_errors
def build_command(
    keys: Path,
    payload: Path,
    notice: Path,
    hooks: Path | None,
    sbom: Path | None,
    unsigned: bool,
    try_hooks: bool,
    expires: datetime | None,
    today: datetime,
    output: Path,
    **options: Any,
) -> None:
    """Construit et signe une archive complète ; la même entrée donne les mêmes octets, signatures à part."""
    sources = Sources(
        payload=payload,
        notice=notice,
        hooks=hooks,
        sbom=sbom,
        keys=keys,
        expires=_end(expires, today),
        unsigned=unsigned,
    )
    manifest = _manifest(**options)
    if try_hooks and hooks is not None:
        manifest = replace(manifest, hooks_bytes=measure_hooks(payload, hooks, manifest, output.resolve().parent))
        click.echo(f"place annoncée pour les programmes : {words.size(manifest.hooks_bytes)}")
    built = build(sources, manifest, output)
    click.echo(
        f"{output} : {built.product} {built.version}, {built.entries} éléments,"
        f" {built.unpacked_bytes} octets, {output.stat().st_size} dans l'archive"
    )
    tell_missing_signatures(output)


@click.command(name="delta")
@_KEYS
@click.argument("old", metavar="OLD", type=_FILE)
@click.argument("new", metavar="NEW", type=_FILE)
@_UNSIGNED
@_EXPIRES
@_DATE
@click.option("-o", "--output", required=True, type=_OUTPUT)
@opens_keys
@clear_errors
def delta_command(
    keys: Path, old: Path, new: Path, unsigned: bool, expires: datetime | None, today: datetime, output: Path
) -> None:
    """Construit et signe l'archive différentielle qui mène de la version de OLD à celle de NEW."""
    built = build_delta(old, new, keys, today, _end(expires, today), output, unsigned=unsigned)
    size, full = output.stat().st_size, new.stat().st_size
    click.echo(
        f"{output} : {built.product} {built.base} → {built.version}, {size} octets"
        f" ({100 * size / full:.1f} % de l'archive complète)"
    )
    tell_missing_signatures(output)


def _manifest(
    product: str,
    version: str,
    requires: str | None,
    supervisor: str,
    hook_texts: tuple[str, ...],
    not_rehearsed: tuple[str, ...],
    writable: tuple[str, ...],
    systems: tuple[str, ...],
    severity: str | None,
    fixes: tuple[str, ...],
    support_until: datetime | None,
    hooks_bytes: int,
) -> Manifest:
    satisfies(version, requires or "")  # refuses what is neither a version nor a condition
    if requires is None:  # the seed's, but for a product whose numbers do not reach so far
        requires = _SEED_REQUIREMENT if can_follow(version, _SEED_REQUIREMENT) else ""
    return Manifest(
        product=product,
        version=version,
        requires=requires,
        os=systems,
        hooks=_hooks(hook_texts, not_rehearsed),
        writable=tuple(sorted(writable)),
        severity=None if severity is None else Severity(severity),
        fixes=fixes,
        support_until=None if support_until is None else support_until.date(),
        hooks_bytes=hooks_bytes,
        supervisor=supervisor,
    )


def _end(expires: datetime | None, today: datetime) -> datetime:
    """The date of the signatures: a year from the day of the build where none is asked for."""
    return expires.replace(tzinfo=UTC) if expires else midnight(today) + _VALIDITY


def _hooks(texts: tuple[str, ...], not_rehearsed: tuple[str, ...]) -> tuple[Hook, ...]:
    """The hooks, each with why it is not to be rehearsed where that is said."""
    hooks = [_parse_hook(text) for text in texts]
    known = {hook.name for hook in hooks if hook.phase is HookPhase.MIGRATE}
    reasons = {}
    for text in not_rehearsed:
        name, _, why = text.partition(":")
        if name not in known or not why.strip():
            raise click.BadParameter(f"« {text} » : attendu NOM:MOTIF, NOM étant un programme « migrate » de --hook")
        reasons[name] = why.strip()
    return tuple(replace(hook, not_rehearsed=reasons.get(hook.name, "")) for hook in hooks)


def _parse_hook(text: str) -> Hook:
    parts = text.split(":", 3)
    if len(parts) != 4 or parts[0] not in set(HookPhase) or not parts[2].isdigit() or not int(parts[2]):
        raise click.BadParameter(f"« {text} » : attendu PHASE:NOM:SECONDES:TITRE, PHASE étant stage ou migrate")
    return Hook(phase=HookPhase(parts[0]), name=parts[1], timeout=int(parts[2]), title=parts[3])


BUILD_COMMANDS = (build_command, delta_command)
