"""What commands share: the configuration, the parts made when first asked for, and how facts are printed."""

import getpass
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import click

from ospi_supervisor import bootstrap
from ospi_supervisor.accounts import Accounts
from ospi_supervisor.administration import Administration
from ospi_supervisor.config import Config, load_config
from ospi_supervisor.diagnostics import Diagnostics
from ospi_supervisor.errors import SupervisorError, in_words, printable
from ospi_supervisor.operations import Operations
from ospi_supervisor.store.database import sqlite_url
from ospi_supervisor.store.engine_reader import EngineReader


class Session:
    """One run of the command line."""

    def __init__(self, config_path: Path) -> None:
        self.config_path = config_path

    @cached_property
    def config(self) -> Config:
        """The configuration; ConfigurationError where it is not usable."""
        return load_config(self.config_path)

    @cached_property
    def operations(self) -> Operations:
        """What may be asked for."""
        return bootstrap.make_operations(self.config)

    @cached_property
    def administration(self) -> Administration:
        """What only the worker's account may do directly."""
        return bootstrap.make_administration(self.config)

    @cached_property
    def diagnostics(self) -> Diagnostics:
        """What gathers the support's bundle, whatever else is broken."""
        reader = EngineReader(sqlite_url(self.config.paths.engine_db))
        return bootstrap.make_diagnostics(self.config, reader, lambda: self.operations.status())

    @cached_property
    def accounts(self) -> Accounts:
        """Who may sign in."""
        return Accounts(self.operations.web)

    @property
    def person(self) -> str:
        """Who runs this command, for the records: the account behind sudo, where there is one."""
        return os.environ.get("SUDO_USER") or getpass.getuser()

    def record(self, action: str, detail: str = "", *, allowed: bool = True) -> None:
        """One line of the « traçabilité »."""
        self.operations.record(action, by=self.person, detail=printable(detail), allowed=allowed)

    def record_if_possible(self, action: str, detail: str = "", *, allowed: bool = True) -> None:
        """The same; where the « traçabilité » is what is broken, a warning on standard error."""
        try:
            self.record(action, detail, allowed=allowed)
        except (SupervisorError, OSError) as error:
            click.echo(
                f"avertissement : ceci n'a pas pu être inscrit dans la traçabilité : {in_words(error)}", err=True
            )

    @contextmanager
    def recording_failure(self, action: str, detail: str = "") -> Iterator[None]:
        """Record `action`, with why, as a refusal where the block fails.

        StateError before the block where the « traçabilité » cannot be opened: nothing is done that it would not have.
        """
        _ = self.operations
        try:
            yield
        except BaseException as error:  # Ctrl-C too: what it stops may be half done
            why = in_words(error) if isinstance(error, Exception) else "interrompu"
            self.record_if_possible(action, f"{detail} : {why}" if detail else why, allowed=False)
            raise


pass_session = click.make_pass_decorator(Session)

json_option: Callable[[Any], Any] = click.option(
    "--json", "as_json", is_flag=True, help="Des faits pour un programme, plutôt que des phrases."
)


def print_json(document: Any) -> None:
    """One JSON document on standard output."""
    click.echo(json.dumps(document, ensure_ascii=False, indent=2, default=str))


def print_table(columns: Mapping[str, str], rows: Sequence[Mapping[str, Any]]) -> None:
    """Rows under the titles that `columns` gives to their keys."""
    cells = [list(columns.values())] + [["" if row[key] is None else str(row[key]) for key in columns] for row in rows]
    widths = [max(len(line[position]) for line in cells) for position in range(len(columns))]
    for line in cells:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def local_time(instant: str | None) -> str:
    """An instant of the database (ISO 8601, UTC) as the administrator's clock shows it."""
    if instant is None:
        return ""
    return datetime.fromisoformat(instant).astimezone().strftime("%d/%m/%Y %H:%M:%S")
