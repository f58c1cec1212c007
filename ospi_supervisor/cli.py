"""`ospi-supervisor`, the command line on a hospital's server."""

from pathlib import Path

import click

from ospi_supervisor import __version__, bootstrap
from ospi_supervisor.commands import accounts, automatic, backups, machine, support, updates
from ospi_supervisor.commands.context import Session, pass_session
from ospi_supervisor.config import DEFAULT_PATH
from ospi_supervisor.console import Commands


@click.group(cls=Commands)
@click.version_option(__version__)
@click.option(
    "--config",
    "config_path",
    envvar="OSPI_SUPERVISOR_CONFIG",
    default=DEFAULT_PATH,
    show_default=True,
    type=click.Path(path_type=Path),
    help="Le fichier de configuration.",
)
@click.pass_context
def main(context: click.Context, config_path: Path) -> None:
    """Superviseur OSPI : installe les versions de la plateforme, entièrement ou pas du tout."""
    context.obj = Session(config_path)


@main.command()
@pass_session
def web(session: Session) -> None:
    """Le processus web, au premier plan."""
    bootstrap.run_web(session.config)


@main.command()
@pass_session
def worker(session: Session) -> None:
    """Le service de mise à jour, au premier plan."""
    bootstrap.run_worker(session.config)


for command in (
    updates.import_command,
    updates.status,
    updates.history,
    updates.log,
    updates.cancel,
    support.unlock,
    support.resume,
    support.diagnostics,
    automatic.auto,
    accounts.user,
    backups.backup,
    machine.check,
    machine.adopt,
    machine.verify_release,
    machine.maintenance,
    machine.proxy,
    machine.systemd,
):
    main.add_command(command)
