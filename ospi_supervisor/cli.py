"""`ospi-supervisor`, the command line on a hospital's server. Each process loads its own parts alone."""

import re
import threading
from pathlib import Path

import click
from click.core import ParameterSource

from ospi_supervisor import __version__
from ospi_supervisor.commands.context import Invocation, pass_invocation
from ospi_supervisor.config.paths import DEFAULT_PATH, INSTANCE, path_of_instance
from ospi_supervisor.domain.command_line import speaking
from ospi_supervisor.system.console import HELP, PROCESSES, Commands
from ospi_supervisor.system.interruption import interruptions_are_one

COMMANDS = {
    "accounts": "user",
    "automatic": "auto",
    "backups": "backup",
    "following": "follow_command",
    "hours": "announce reschedule start",
    "machine": "adopt check maintenance proxy systemd verify_release",
    "own_program": "self_command",
    "rehearsals": "rehearse",
    "support": "diagnostics resume unlock",
    "updates": "cancel history import_command log status",
    "validation": "go_back link open_command",
}
"""Which commands each module of `ospi_supervisor.commands` has. All together take longer to load than most to run."""


def _places() -> dict[str, str]:
    """Where each command is, by the name that click gives it."""
    return {
        function.removesuffix("_command").replace("_", "-"): f"ospi_supervisor.commands.{module}:{function}"
        for module, functions in COMMANDS.items()
        for function in functions.split()
    }


@click.group(cls=Commands, lazy=_places(), context_settings=HELP)
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
@click.option("--instance", metavar="NOM", help="Un autre Superviseur de ce serveur (/etc/ospi-supervisor-NOM).")
@click.pass_context
def main(context: click.Context, config_path: Path, instance: str | None) -> None:
    """Superviseur OSPI : installe les versions de la plateforme, entièrement ou pas du tout."""
    if instance is not None:
        if context.get_parameter_source("config_path") is ParameterSource.COMMANDLINE:
            raise click.UsageError("--config et --instance disent deux choses : gardez l'une")
        if not re.match(INSTANCE, instance):
            raise click.BadParameter(f"« {instance} » ne peut pas nommer une instance", param_hint="--instance")
        config_path = path_of_instance(instance)
    context.obj = Invocation(config_path, instance)
    context.with_resource(speaking())
    if context.invoked_subcommand not in PROCESSES and threading.current_thread() is threading.main_thread():
        context.call_on_close(interruptions_are_one())


@main.command()
@pass_invocation
def web(invocation: Invocation) -> None:
    """Le processus web, au premier plan."""
    from ospi_supervisor.bootstrap.web import run_web

    run_web(invocation.config)


@main.command()
@pass_invocation
def worker(invocation: Invocation) -> None:
    """Le service de mise à jour, au premier plan."""
    from ospi_supervisor.bootstrap.worker import run_worker

    run_worker(invocation.config)
