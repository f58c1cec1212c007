"""What the vendor's commands have in common."""

import sys
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

import click

from ospi_supervisor.errors import SupervisorError

_Args = ParamSpec("_Args")


def clear_errors(command: Callable[_Args, None]) -> Callable[_Args, None]:
    """One line on standard error and exit 1, rather than a traceback, for what the user can act on."""

    @wraps(command)
    def run(*args: _Args.args, **kwargs: _Args.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except (SupervisorError, OSError) as error:
            click.echo(f"ospi-release : {error}", err=True)
            sys.exit(1)

    return run
