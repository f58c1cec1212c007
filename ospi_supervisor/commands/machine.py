"""The machine and the platform: check, adopt, verify-release, maintenance, proxy, systemd."""

from collections.abc import Iterator
from pathlib import Path

import click

from ospi_supervisor.commands.context import (
    Invocation,
    confirm_at_terminal,
    json_option,
    pass_invocation,
    print_json,
    unasked_option,
)
from ospi_supervisor.domain.command_line import command_line
from ospi_supervisor.domain.findings import Finding, Grade
from ospi_supervisor.domain.proxies import KINDS, Kind
from ospi_supervisor.domain.words import counted
from ospi_supervisor.errors import RefusedError, SupervisorError, in_words
from ospi_supervisor.system.interruption import told_if_interrupted

CHANGES = {"missing": "absent", "changed": "modifié", "added": "ajouté"}
SWITCHED = {
    True: ("page de maintenance mise en place", "mise en place de la page de maintenance non aboutie"),
    False: ("page de maintenance retirée", "retrait de la page de maintenance non abouti"),
}
"""What is recorded of the switch by hand: that it was done, or that it was not."""
MARKS = {Grade.OK: "ok   ", Grade.WARNING: "avis ", Grade.ERROR: "FAUX "}


@click.command()
@json_option
@click.option("--nagios", "for_nagios", is_flag=True, help="Une ligne avec ses mesures, pour Nagios ; sort de 0 à 3.")
@pass_invocation
def check(invocation: Invocation, as_json: bool, for_nagios: bool) -> None:
    """Contrôler la configuration, la machine et ce qui tourne ; 1 si quelque chose ne va pas."""
    if for_nagios:
        click.get_current_context().exit(_tell_nagios(invocation))
    findings = [*invocation.administration.check(), *_own_databases(invocation)]
    if as_json:
        print_json([{"check": item.check, "level": item.level.value, "message": item.message} for item in findings])
    else:
        for item in findings:
            click.echo(f"{MARKS[item.level]} {item.message}")
    wrong = sum(item.level is Grade.ERROR for item in findings)
    if wrong:
        raise RefusedError(counted(wrong, "point à corriger", "points à corriger"))


def _tell_nagios(invocation: Invocation) -> int:
    """Print its line; the exit status. What cannot be looked at at all is UNKNOWN."""
    from ospi_supervisor.domain.nagios import State, line, state_of, summary

    try:
        figures = invocation.administration.figures()  # as root: what follows may become the web account
        findings = [*invocation.administration.check(), *_own_databases(invocation)]
    except (SupervisorError, OSError) as error:
        click.echo(line(State.UNKNOWN, in_words(error), {}))
        return State.UNKNOWN
    state = state_of(findings)
    figures |= {level.value: str(sum(item.level is level for item in findings)) for level in Grade}
    click.echo(line(state, summary(findings), figures))
    return state


def _own_databases(invocation: Invocation) -> Iterator[Finding]:
    """What the supervisor's own databases are like; nothing of one that was not made yet."""
    paths = invocation.config.paths
    for name, path, look in (("accounts", paths.web_db, _accounts), ("engine", paths.engine_db, _engine)):
        if path.exists():
            try:
                yield Finding(name, *look(invocation))
            except (SupervisorError, OSError) as error:
                yield Finding(name, Grade.ERROR, in_words(error))


def _accounts(invocation: Invocation) -> tuple[Grade, str]:
    old = [account.username for account in invocation.accounts.all() if account.must_renew]
    if not old:
        return Grade.OK, "comptes du Superviseur lus"
    return Grade.WARNING, f"mots de passe à remplacer : {', '.join(old)} ; « {command_line('user password NOM')} »"


def _engine(invocation: Invocation) -> tuple[Grade, str]:
    invocation.operations.reader.active_update()
    return Grade.OK, "mises à jour du Superviseur lues"


@click.command()
@click.argument("version")
@click.option(
    "--writable",
    multiple=True,
    metavar="DOSSIER",
    help="Un dossier de la version où la plateforme écrit ; peut être répété.",
)
@json_option
@pass_invocation
def adopt(invocation: Invocation, version: str, writable: tuple[str, ...], as_json: bool) -> None:
    """Relever ce que « current » contient comme étant la version VERSION (premier déploiement)."""
    words = f"relevé interrompu ; la plateforme n'en a rien vu, et « {command_line(f'adopt {version}')} » le recommence"
    with invocation.recording_failure("relevé de version non abouti", version), told_if_interrupted(lambda: words):
        entries = invocation.administration.adopt(version, writable)
    invocation.record_action("version relevée", version)
    if as_json:
        print_json({"version": version, "entries": entries})
    else:
        click.echo(f"Version {version} relevée : {entries} fichiers et dossiers.")


@click.command("verify-release")
@json_option
@pass_invocation
def verify_release(invocation: Invocation, as_json: bool) -> None:
    """Comparer la version installée à son index ; 1 si elle en diffère."""
    differences = invocation.administration.verify_release()
    if as_json:
        print_json([{"path": item.path, "difference": item.change.value} for item in differences])
    else:
        for item in differences:
            click.echo(f"{item.path!r} : {CHANGES[item.change.value]}")
    if differences:
        places = counted(len(differences), "endroit", "endroits")
        raise RefusedError(f"la version installée diffère de son index en {places}")
    if not as_json:
        click.echo("La version installée est conforme à son index.")


@click.group()
def maintenance() -> None:
    """La page de maintenance, à la main."""


@maintenance.command("status")
@json_option
@pass_invocation
def maintenance_status(invocation: Invocation, as_json: bool) -> None:
    """Dire si la page est en place, et ce que voient les utilisateurs."""
    on = invocation.operations.status()["maintenance"]
    if as_json:
        print_json({"maintenance": on})
    else:
        click.echo("en place" if on else "non")
        if (state := invocation.administration.page_disagreement()) is not None:
            click.echo(f"attention : {state}", err=True)


@maintenance.command("on")
@click.option("--force", is_flag=True, help="Même pendant une mise à jour ; ce sera tracé.")
@pass_invocation
def maintenance_on(invocation: Invocation, force: bool) -> None:
    """Mettre la page en place."""
    _switch(invocation, True, force)


@maintenance.command("off")
@click.option("--force", is_flag=True, help="Même pendant une mise à jour ; ce sera tracé.")
@unasked_option
@pass_invocation
def maintenance_off(invocation: Invocation, force: bool, yes: bool) -> None:
    """Retirer la page."""
    if force:
        confirm_at_terminal("La plateforme sera montrée aux utilisateurs, même au milieu d'une mise à jour.", yes)
    _switch(invocation, False, force)


@maintenance.command("page")
@pass_invocation
def maintenance_page(invocation: Invocation) -> None:
    """Écrire la page dans son dossier, sans la montrer : le serveur mandataire la lit aussi quand tout est arrêté."""
    invocation.administration.write_page()
    click.echo(f"Page de maintenance écrite dans {invocation.config.maintenance.page_dir}")


def _switch(invocation: Invocation, on: bool, force: bool) -> None:
    done, not_done = SWITCHED[on]
    forced = "forcé" if force else ""
    with invocation.recording_failure(not_done, forced):
        invocation.administration.maintenance(on, force=force)
    invocation.record_action(done, forced)
    click.echo("La page de maintenance est en place." if on else "La page de maintenance est retirée.")


@click.command()
@click.argument("server", type=click.Choice(KINDS))
@pass_invocation
def proxy(invocation: Invocation, server: Kind) -> None:
    """Écrire la configuration du serveur mandataire, à inclure dans la vôtre."""
    click.echo(invocation.administration.proxy(server), nl=False)


@click.command()
@click.argument(
    "folder", metavar="[DOSSIER]", type=click.Path(exists=True, file_okay=False, path_type=Path), required=False
)
@pass_invocation
def systemd(invocation: Invocation, folder: Path | None) -> None:
    """Écrire les unités systemd dans DOSSIER, ou les montrer."""
    for name, text in invocation.administration.systemd_units(invocation.config_path.resolve()).items():
        if folder is None:
            click.echo(f"# {name}\n{text}")
        else:
            (folder / name).write_text(text, encoding="utf-8")
            click.echo(str(folder / name))
    if folder is not None:
        invocation.record_action("unités systemd écrites", str(folder))
