"""What the two command lines share: errors as one clear line, and the exit statuses of the contract."""

import errno
import os
from typing import Any

import click

from ospi_supervisor.errors import SupervisorError, in_words, printable

PROCESSES = frozenset({"web", "worker"})
"""Commands that run for ever: an error of the system that ends one leaves its whole traceback in the journal."""

_REASONS = {
    errno.ENOENT: "fichier ou dossier introuvable",
    errno.EACCES: "droits insuffisants",
    errno.EPERM: "droits insuffisants",
    errno.EEXIST: "ce nom est déjà pris",
    errno.EISDIR: "c'est un dossier",
    errno.ENOTDIR: "ce n'est pas un dossier",
    errno.ENAMETOOLONG: "nom trop long",
    errno.EROFS: "ce disque est en lecture seule",
}


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
        """Run the command; SupervisorError becomes its line, and so does a file that cannot be read or written."""
        try:
            return super().invoke(ctx)
        except SupervisorError as error:
            raise ErrorLine(ctx.find_root().info_name, str(error)) from error
        except OSError as error:
            # A reader that went away (EPIPE) is click's: it ends without a word.
            if error.errno == errno.EPIPE or ctx.invoked_subcommand in PROCESSES:
                raise
            raise ErrorLine(ctx.find_root().info_name, _of_the_system(error)) from error


def _of_the_system(error: OSError) -> str:
    """The file and what is wrong with it, where that is plain; otherwise as everywhere."""
    if error.errno not in _REASONS or not isinstance(error.filename, str | bytes):
        return in_words(error)
    return printable(f"{os.fsdecode(error.filename)} : {_REASONS[error.errno]}")
