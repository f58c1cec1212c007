"""The machine and the platform: check, adopt, verify-release, maintenance, proxy, systemd."""

from pathlib import Path
from typing import Literal

import click

from ospi_supervisor.checks import Level
from ospi_supervisor.commands.context import Session, json_option, pass_session, print_json
from ospi_supervisor.errors import RefusedError

CHANGES = {"missing": "absent", "changed": "modifié", "added": "ajouté"}
SWITCHED = {
    True: ("page de maintenance mise en place", "mise en place de la page de maintenance non aboutie"),
    False: ("page de maintenance retirée", "retrait de la page de maintenance non abouti"),
}
"""What is recorded of the switch by hand: that it was done, or that it was not."""
MARKS = {Level.OK: "ok   ", Level.WARNING: "avis ", Level.ERROR: "FAUX "}


@click.command()
@json_option
@pass_session
def check(session: Session, as_json: bool) -> None:
    """Contrôler la configuration et la machine ; 1 si quelque chose ne va pas."""
    findings = session.administration.check()
    if as_json:
        print_json([{"check": item.check, "level": item.level.value, "message": item.message} for item in findings])
    else:
        for item in findings:
            click.echo(f"{MARKS[item.level]} {item.message}")
    wrong = sum(item.level is Level.ERROR for item in findings)
    if wrong:
        raise RefusedError(f"{wrong} points à corriger")


@click.command()
@click.argument("version")
@click.option("--writable", multiple=True, help="Un dossier de la version où la plateforme écrit ; peut être répété.")
@pass_session
def adopt(session: Session, version: str, writable: tuple[str, ...]) -> None:
    """Relever ce que « current » contient comme étant la version VERSION (premier déploiement)."""
    with session.recording_failure("relevé de version non abouti", version):
        entries = session.administration.adopt(version, writable)
    session.record("version relevée", version)
    click.echo(f"Version {version} relevée : {entries} fichiers et dossiers.")


@click.command("verify-release")
@json_option
@pass_session
def verify_release(session: Session, as_json: bool) -> None:
    """Comparer la version installée à son index ; 1 si elle en diffère."""
    differences = session.administration.verify_release()
    if as_json:
        print_json([{"path": item.path, "difference": item.change.value} for item in differences])
    else:
        for item in differences:
            click.echo(f"{item.path!r} : {CHANGES[item.change.value]}")
    if differences:
        raise RefusedError(f"la version installée diffère de son index en {len(differences)} endroits")
    if not as_json:
        click.echo("La version installée est conforme à son index.")


@click.group()
def maintenance() -> None:
    """La page de maintenance, à la main."""


@maintenance.command("status")
@json_option
@pass_session
def maintenance_status(session: Session, as_json: bool) -> None:
    """Dire si la page est en place."""
    on = session.operations.status()["maintenance"]
    if as_json:
        print_json({"maintenance": on})
    else:
        click.echo("en place" if on else "non")


@maintenance.command("on")
@click.option("--force", is_flag=True, help="Même pendant une mise à jour ; ce sera tracé.")
@pass_session
def maintenance_on(session: Session, force: bool) -> None:
    """Mettre la page en place."""
    _switch(session, True, force)


@maintenance.command("off")
@click.option("--force", is_flag=True, help="Même pendant une mise à jour ; ce sera tracé.")
@pass_session
def maintenance_off(session: Session, force: bool) -> None:
    """Retirer la page."""
    _switch(session, False, force)


def _switch(session: Session, on: bool, force: bool) -> None:
    done, not_done = SWITCHED[on]
    forced = "forcé" if force else ""
    with session.recording_failure(not_done, forced):
        session.administration.maintenance(on, force=force)
    session.record(done, forced)
    click.echo("La page de maintenance est en place." if on else "La page de maintenance est retirée.")


@click.command()
@click.argument("server", type=click.Choice(["nginx", "apache", "caddy"]))
@pass_session
def proxy(session: Session, server: Literal["nginx", "apache", "caddy"]) -> None:
    """Écrire la configuration du serveur mandataire, à inclure dans la vôtre."""
    click.echo(session.administration.proxy(server), nl=False)


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path), required=False)
@pass_session
def systemd(session: Session, folder: Path | None) -> None:
    """Écrire les unités systemd dans FOLDER, ou les montrer."""
    for name, text in session.administration.systemd_units(session.config_path.resolve()).items():
        if folder is None:
            click.echo(f"# {name}\n{text}")
        else:
            (folder / name).write_text(text, encoding="utf-8")
            click.echo(str(folder / name))
    if folder is not None:
        session.record("unités systemd écrites", str(folder))
