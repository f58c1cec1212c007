"""What the two command lines share: errors as one clear line, and the exit statuses of the contract."""

from typing import Any

import click

from ospi_supervisor.errors import SupervisorError


class ErrorLine(click.ClickException):
    """An error as one line on standard error; exit status 1."""

    def __init__(self, program: str | None, message: str) -> None:
        super().__init__(message)
        self.program = program

    def show(self, file: Any = None) -> None:
        """Write `PROGRAM: MESSAGE`."""
        click.echo(f"{self.program} : {self.message}", err=True)


class Commands(click.Group):
    """A group whose commands' errors end as one line: 0 done, 1 refused or failed, 2 wrong usage."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; SupervisorError becomes its line."""
        try:
            return super().invoke(ctx)
        except SupervisorError as error:
            raise ErrorLine(ctx.find_root().info_name, str(error)) from error
