"""Where a hospital's hub keeps its rows: in a file of SQLite's, or in a server of PostgreSQL's."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote, urlsplit, urlunsplit

from tests.support.postgres import Postgres


class Rows(Protocol):
    """A database that is there."""

    @property
    def hub_url(self) -> str:
        """How the hub itself opens it, password included."""

    def table(self, folder: Path) -> str:
        """What Superviseur's configuration says of it; `folder` is there for a file that it names."""

    def execute(self, statement: str) -> list[tuple[Any, ...]]:
        """What somebody with a console does to it."""

    def schema(self) -> set[str]:
        """The definition of each table and index."""

    def contents(self) -> str:
        """All that it is, in words."""


@dataclass(frozen=True)
class SqliteRows:
    """A file in the hub's data folder."""

    path: Path

    @property
    def hub_url(self) -> str:
        return f"sqlite:///{self.path}"

    def table(self, folder: Path) -> str:
        return f'url = "{self.hub_url}"'

    def execute(self, statement: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.path)) as connection, connection:
            return connection.execute(statement).fetchall()

    def schema(self) -> set[str]:
        return {sql for (sql,) in self.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")}

    def contents(self) -> str:
        with closing(sqlite3.connect(self.path)) as connection:
            return "\n".join(connection.iterdump())


@dataclass(frozen=True)
class PostgresRows:
    """A database of the platform's role in a server of this machine."""

    server: Postgres
    name: str

    @property
    def hub_url(self) -> str:
        parts = urlsplit(self.server.url(self.name))
        user, _, host = parts.netloc.partition("@")
        return urlunsplit(parts._replace(netloc=f"{user}:{quote(self.server.password, safe='')}@{host}"))

    def table(self, folder: Path) -> str:
        secret = folder / "password"
        secret.touch(0o600)
        secret.write_text(self.server.password, encoding="utf-8")
        return f'url = "{self.server.url(self.name)}"\npassword_file = "{secret}"'

    def execute(self, statement: str) -> list[tuple[Any, ...]]:
        said = self.server.sql(self.name, f"SET ROLE plateforme; {statement}")
        return [tuple(line.split("|")) for line in said.splitlines()]

    def schema(self) -> set[str]:
        return set(self._dump("--schema-only").split("\n\n"))

    def contents(self) -> str:
        return self._dump("--create", "--inserts")

    def _dump(self, *options: str) -> str:
        dump = self.server.run("pg_dump", *options, "-d", self.name)
        return "\n".join(line for line in dump.splitlines() if "restrict" not in line)
