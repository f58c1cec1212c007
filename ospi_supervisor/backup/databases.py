"""The declared databases: each is dumped by its own means, never copied as a file that is being written."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote, urlsplit, urlunsplit

from ospi_supervisor.backup.meter import nothing
from ospi_supervisor.backup.postgres import PostgresDatabase
from ospi_supervisor.backup.psql import read_password
from ospi_supervisor.backup.sqlite import SqliteDatabase
from ospi_supervisor.config import DatabaseTable
from ospi_supervisor.errors import ConfigurationError

ANSWER_PAUSE_SECONDS = 0.5


class Database(Protocol):
    """What a snapshot asks of a database. `tick` is called all along; errors are BackupError, in French."""

    @property
    def name(self) -> str:
        """Its name in the configuration."""

    @property
    def dump_name(self) -> str:
        """The name of its dump's file or folder in a snapshot."""

    @property
    def path(self) -> Path | None:
        """The file that it is, links followed now; None where its server alone knows where it lies."""

    def check(self, tick: Callable[[], None] = nothing) -> None:
        """Raise where it cannot be reached, or where a restore would fail, and say what to do."""

    def answers(self) -> bool:
        """Whether its server can be talked to; True where it has none."""

    def size(self) -> int:
        """How many bytes it takes now."""

    def files(self) -> frozenset[Path]:
        """The files which are the database's own, left out of the tar."""

    def dump(self, to: Path, tick: Callable[[], None], *, low_priority: bool) -> dict[str, Any]:
        """Write a consistent dump to `to`; the facts returned are handed to `restore`."""

    def prove(self, dump: Path, tick: Callable[[], None], *, thorough: bool) -> None:
        """Read the dump back; `thorough` reads every row, else what costs little."""

    def check_same(self, facts: Mapping[str, Any]) -> None:
        """Raise where the configuration names another database than the one of which `dump` gave these facts."""

    def restore(self, dump: Path, facts: Mapping[str, Any], tick: Callable[[], None]) -> None:
        """Bring the database back to the dump. Killed at any moment, it can be called again."""


def make_databases(tables: Iterable[DatabaseTable]) -> list[Database]:
    """The drivers of the configured databases; ConfigurationError names the one whose address is of no known kind."""
    return [_make(table) for table in tables]


def wait_for_databases(databases: Sequence[Database], seconds: float) -> None:
    """Return when all their servers take connections, or after so many `seconds`: then phases tell what is missing.

    After a boot, a server may come later than the worker.
    """
    deadline = time.monotonic() + seconds
    while not all(database.answers() for database in databases) and time.monotonic() < deadline:
        time.sleep(ANSWER_PAUSE_SECONDS)


def _make(table: DatabaseTable) -> Database:
    if table.sqlite_file is not None:
        return SqliteDatabase(table.name, table.sqlite_file)
    parts = urlsplit(table.url)
    if parts.scheme in ("postgresql", "postgres") and parts.path.strip("/"):
        if parts.password:
            raise ConfigurationError(
                f"base « {table.name} » : mettez son mot de passe dans un fichier (password_file), non dans l'adresse"
            )
        return PostgresDatabase(table.name, table.url, table.password_file)
    raise ConfigurationError(
        f"base « {table.name} » : adresse {table.url} non reconnue ;"
        " attendu sqlite:///CHEMIN/ABSOLU ou postgresql://UTILISATEUR@HÔTE:PORT/NOM"
    )


def hook_environment(tables: Iterable[DatabaseTable]) -> dict[str, str]:
    """`OSPI_DATABASE_URL_<NAME>` for each database, as the contract promises to hooks, with the password in it.

    BackupError where a password file cannot be read.
    """
    return {f"OSPI_DATABASE_URL_{_variable(table.name)}": _url_with_password(table) for table in tables}


def _variable(name: str) -> str:
    return "".join(char if char.isascii() and char.isalnum() else "_" for char in name).upper()


def _url_with_password(table: DatabaseTable) -> str:
    if table.password_file is None:
        return table.url
    parts = urlsplit(table.url)
    user, _, host = parts.netloc.rpartition("@")
    password = quote(read_password(table.password_file), safe="")
    return urlunsplit(parts._replace(netloc=f"{user}:{password}@{host}"))
