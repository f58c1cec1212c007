"""What the vendor's commands have in common."""

import sys
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

import click

from ospi_supervisor.errors import ArchiveError, FeedError, SupervisorError, system_words

_REBUILD = "reprenez l'archive d'origine, ou construisez-la de nouveau"
_CURES = {
    "unsigned": "faites-la signer par ceux qui manquent, « ospi-release sign FILE --key CLÉ »",
    "foreign_key": "prenez le dossier de clés qui a signé cette archive, ou signez-la de nouveau par « resign »",
    "not_an_archive": "donnez une archive .ospi",
    "decompressed": "donnez l'archive .ospi telle qu'elle a été construite",
    "empty": "construisez-la de nouveau",
    "wrong_base": "donnez l'archive complète de la version de base",
    "unsupported": "mettez « ospi-release » à jour",
}
"""What the vendor does: an archive's refusal speaks to the hospital."""

_Args = ParamSpec("_Args")


def clear_errors(command: Callable[_Args, None]) -> Callable[_Args, None]:
    """One line on standard error and exit 1, rather than a traceback, for what the user can act on."""

    @wraps(command)
    def run(*args: _Args.args, **kwargs: _Args.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except ArchiveError as error:
            problem = str(error).partition(" ; ")[0]
            click.echo(f"ospi-release : {problem} ; {_CURES.get(error.code, _REBUILD)}", err=True)
            sys.exit(1)
        except FeedError as error:
            click.echo(f"ospi-release : {error.problem} ; lancez « ospi-release doctor » sur ce dépôt", err=True)
            sys.exit(1)
        except OSError as error:
            place = f"{error.filename} : " if error.filename else ""
            click.echo(f"ospi-release : {place}{system_words(error)} ; vérifiez ce fichier et ce disque", err=True)
            sys.exit(1)
        except SupervisorError as error:
            click.echo(f"ospi-release : {error}", err=True)
            sys.exit(1)

    return run
