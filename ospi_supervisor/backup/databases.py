"""The declared databases: each is dumped by its own means, never copied as a file that is being written."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol
from urllib.parse import quote, urlsplit, urlunsplit

from ospi_supervisor.backup import postgres, sqlite
from ospi_supervisor.backup.inventory import Facts
from ospi_supervisor.backup.meter import nothing
from ospi_supervisor.backup.psql import read_password
from ospi_supervisor.config.tables import DatabaseTable
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
    def tools(self) -> tuple[str, ...]:
        """The programs of this machine that it runs."""

    @property
    def path(self) -> Path | None:
        """The file that it is, links followed now; None where its server alone knows where it lies."""

    def check(self, tick: Callable[[], None] = nothing) -> None:
        """Raise where it cannot be reached, or where a restore would fail, and say what to do."""

    def answers(self) -> bool:
        """Whether its server can be talked to; True where it has none."""

    def size(self) -> int:
        """How many bytes it takes now."""

    def mark(self) -> int:
        """A number that is another once something was written in it: so many rows more, where it `counts_rows`."""

    @property
    def counts_rows(self) -> bool:
        """What `mark` is."""

    def dumped(self, to: Path) -> int:
        """How many of the bytes that `size` gives are, about, in a dump under way to `to`."""

    def restored(self, facts: Facts) -> int:
        """How many of the bytes that `size` will give are there while `restore` is at work with these facts."""

    def files(self) -> frozenset[Path]:
        """The files which are the database's own, left out of the tar."""

    def dump(self, to: Path, tick: Callable[[], None], *, low_priority: bool) -> Facts:
        """Write a consistent dump to `to`; the facts returned are handed to `restore`."""

    def load(self, dump: Path, tick: Callable[[], None]) -> None:
        """Raise where `restore` could not load the whole dump, naming what and why: it is tried out."""

    def way_back(self, tick: Callable[[], None]) -> str | None:
        """Why `keep` will need a dump, in words; None where it will need none."""

    def keep(self, to: Path, tick: Callable[[], None]) -> Facts:
        """The present state of a database that nobody uses, as quickly as it can be had, for a way back that may come
        soon: in `to`, or in the database's own server. The facts returned are handed to `restore`."""

    def settle(self, facts: Facts, to: Path, tick: Callable[[], None]) -> Facts:
        """Write a lasting dump to `to` of what `keep` left in the server; the facts returned are its own."""

    def forget(self, tick: Callable[[], None]) -> None:
        """Remove what `keep` left in the server, whole or not, and let the platform in again."""

    def lacks(self, facts: Facts) -> str | None:
        """What `restore` would miss in the server, in words; None where nothing."""

    def is_as(self, facts: Facts) -> bool:
        """Whether it is certainly as it was when `dump` or `keep` gave these facts."""

    def prove(self, dump: Path, tick: Callable[[], None], *, thorough: bool) -> None:
        """Read the dump back; `thorough` reads every row, else what costs little."""

    def check_same(self, facts: Facts) -> None:
        """Raise where the configuration names another database than the one of which `dump` gave these facts."""

    def restore(self, dump: Path, facts: Facts, tick: Callable[[], None], aside: str) -> list[Path]:
        """Bring the database back to the dump. Killed at any moment, it can be called again.

        What is no database and stands in the way is set aside, in folders called `aside`: the files are returned.
        """


ENGINES: Mapping[str, Callable[[DatabaseTable, str | None], Database | None]] = {
    sqlite.ADDRESS: sqlite.of_table,
    postgres.ADDRESS: postgres.of_table,
}
"""Each kind of database: the form of its addresses, and what makes its driver, or None of another's address."""


def make_databases(tables: Iterable[DatabaseTable], account: str | None = None) -> list[Database]:
    """The drivers of the configured databases; ConfigurationError names the one whose address is of no known kind.

    `account` owns the SQLite files of which the configuration names no other owner.
    """
    return [_make(table, account) for table in tables]


def wait_for_databases(databases: Sequence[Database], seconds: float) -> None:
    """Return when all their servers take connections, or after so many `seconds`: then phases tell what is missing.

    After a boot, a server may come later than the worker.
    """
    deadline = time.monotonic() + seconds
    while not all(database.answers() for database in databases) and time.monotonic() < deadline:
        time.sleep(ANSWER_PAUSE_SECONDS)


def _make(table: DatabaseTable, account: str | None) -> Database:
    for make in ENGINES.values():
        if (database := make(table, account)) is not None:
            return database
    raise ConfigurationError(
        f"base « {table.name} » : adresse {table.url} non reconnue ; attendu {' ou '.join(ENGINES)}"
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
