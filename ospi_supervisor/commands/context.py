"""What commands share: the configuration, the parts made when first asked for, and how facts are printed."""

import getpass
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ospi_supervisor.domain.command_line import speak_as
from ospi_supervisor.errors import (
    ConfigurationError,
    RefusedError,
    SupervisorError,
    in_words,
    on_one_line,
    printable,
    printable_json,
)
from ospi_supervisor.system.clock import utc_now
from ospi_supervisor.system.console import is_agreed

# What a command needs is loaded when it asks for it: `--help` loads none of it, `status` only what reads.
if TYPE_CHECKING:
    from ospi_supervisor.administration.diagnostics import Diagnostics
    from ospi_supervisor.administration.service import Administration
    from ospi_supervisor.config.tables import Config
    from ospi_supervisor.operations.accounts import Accounts
    from ospi_supervisor.operations.requests import Operations
    from ospi_supervisor.store.automatic_documents import StatusDocument
    from ospi_supervisor.store.engine_reader import EngineReader


class Invocation:
    """One run of the command line."""

    def __init__(self, config_path: Path, instance: str | None = None) -> None:
        """`instance` is whose configuration this is to be, None where that was not said."""
        self.config_path = config_path
        self._instance = instance

    @cached_property
    def config(self) -> "Config":
        """The configuration; ConfigurationError where it is not usable."""
        from ospi_supervisor.config.tables import load_config

        config = load_config(self.config_path)
        speak_as(config.supervisor.instance or "")
        if self._instance not in (None, config.supervisor.instance):
            raise ConfigurationError(
                f"{self.config_path} n'est pas la configuration de l'instance « {self._instance} » : écrivez-y"
                f' « instance = "{self._instance}" » dans [supervisor], ou nommez celle que vous voulez'
            )
        return config

    @cached_property
    def reader(self) -> "EngineReader":
        """What the worker recorded, to be read and no more."""
        from ospi_supervisor.store.database import sqlite_url
        from ospi_supervisor.store.engine_reader import EngineReader

        return EngineReader(sqlite_url(self.config.paths.engine_db))

    def status(self) -> "StatusDocument":
        """The document of `api/status`."""
        from ospi_supervisor.operations.status import status_of

        return status_of(self.config, self.reader, utc_now())

    @cached_property
    def operations(self) -> "Operations":
        """What may be asked for. Root asks as the web account, which it becomes for good: after this, nothing more can
        be done as root. NewerFormatError where any of the databases is of a newer program."""
        from ospi_supervisor.bootstrap.operations import become_web_account, make_operations

        _ = self.person
        self._refuse_newer()
        become_web_account(self.config)
        return make_operations(self.config)

    @cached_property
    def administration(self) -> "Administration":
        """What only the worker's account may do directly."""
        # Loaded when it is asked for: the web process is one of these commands, and holds nothing of what root does.
        from ospi_supervisor.bootstrap.administration import make_administration

        return make_administration(self.config)

    @cached_property
    def diagnostics(self) -> "Diagnostics":
        """What gathers the support's bundle, whatever else is broken."""
        from ospi_supervisor.bootstrap.operations import make_diagnostics

        return make_diagnostics(self.config, self.reader, self.status)

    @cached_property
    def accounts(self) -> "Accounts":
        """Who may sign in."""
        from ospi_supervisor.operations.accounts import Accounts

        return Accounts(self.operations.web)

    @cached_property
    def person(self) -> str:
        """Who runs this command, for the records: the account behind sudo, where there is one."""
        return os.environ.get("SUDO_USER") or getpass.getuser()

    def record_action(self, action: str, detail: str = "", *, allowed: bool = True) -> None:
        """One line of the « traçabilité »."""
        from ospi_supervisor.bootstrap.operations import asks_for_another, make_trail

        if asks_for_another(self.config):
            trail = make_trail(self.config)
            trail.record_action(action, by=self.person, at=utc_now(), detail=printable(detail), allowed=allowed)
        else:
            self.operations.record_action(action, by=self.person, detail=printable(detail), allowed=allowed)

    def record_if_possible(self, action: str, detail: str = "", *, allowed: bool = True) -> None:
        """The same; where the « traçabilité » is what is broken, a warning on standard error."""
        try:
            self.record_action(action, detail, allowed=allowed)
        except (SupervisorError, OSError) as error:
            click.echo(
                f"avertissement : ceci n'a pas pu être inscrit dans la traçabilité : {in_words(error)}", err=True
            )

    @contextmanager
    def recording_failure(self, action: str, detail: str = "") -> Iterator[None]:
        """Record `action`, with why, as a refusal where the block fails.

        StateError before the block where the « traçabilité » cannot be opened: nothing is done that it would not have.
        """
        from ospi_supervisor.bootstrap.operations import asks_for_another, make_trail

        self._refuse_newer()
        if asks_for_another(self.config):
            make_trail(self.config).check()
        else:
            _ = self.operations
        try:
            yield
        except BaseException as error:  # Ctrl-C too: what it stops may be half done
            why = in_words(error) if isinstance(error, Exception) else "interrompu"
            self.record_if_possible(action, f"{detail} : {why}" if detail else why, allowed=False)
            raise

    def _refuse_newer(self) -> None:
        from ospi_supervisor.store.database import refuse_newer, sqlite_url
        from ospi_supervisor.store.engine_models import ENGINE_FORMAT

        if self.config.paths.engine_db.exists():
            refuse_newer(sqlite_url(self.config.paths.engine_db), ENGINE_FORMAT)


pass_invocation = click.make_pass_decorator(Invocation)

json_option: Callable[[Any], Any] = click.option(
    "--json", "as_json", is_flag=True, help="Des faits pour un programme, plutôt que des phrases."
)


yes_option: Callable[[Any], Any] = click.option(
    "--yes", "-y", is_flag=True, help="Sans demander confirmation ; nécessaire hors d'un terminal."
)


def confirm(yes: bool, consequence: str = "") -> None:
    """Have what destroys something confirmed: at the terminal or, where there is none, by `--yes`. RefusedError."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise RefusedError("il n'y a pas de terminal où confirmer ; ajoutez --yes si c'est bien ce que vous voulez")
    if consequence:
        click.echo(consequence)
    if not is_agreed():
        raise click.Abort


unasked_option: Callable[[Any], Any] = click.option("--yes", "-y", is_flag=True, help="Sans demander confirmation.")


def confirm_at_terminal(consequence: str, yes: bool) -> None:
    """Have what cannot be taken back confirmed where there is a terminal; scripts, which have none, are not stopped."""
    if sys.stdin.isatty():
        confirm(yes, consequence)


def print_json(document: Any) -> None:
    """One JSON document on standard output."""
    click.echo(printable_json(json.dumps(document, ensure_ascii=False, indent=2, default=str)))


def print_table(columns: Mapping[str, str], rows: Sequence[Mapping[str, Any]]) -> None:
    """Rows under the titles that `columns` gives to their keys."""
    cells = [list(columns.values())] + [
        ["" if row[key] is None else on_one_line(str(row[key])) for key in columns] for row in rows
    ]
    widths = [max(len(line[position]) for line in cells) for position in range(len(columns))]
    for line in cells:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def local_time(instant: str | None) -> str:
    """An instant of the database (ISO 8601, UTC) as the administrator's clock shows it."""
    if instant is None:
        return ""
    return datetime.fromisoformat(instant).astimezone().strftime("%d/%m/%Y %H:%M:%S")
