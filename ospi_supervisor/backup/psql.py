"""PostgreSQL's own client programs, with the address and the password of one declared database."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from ospi_supervisor.backup.children import run
from ospi_supervisor.backup.meter import nothing
from ospi_supervisor.backup.words import reason
from ospi_supervisor.errors import BackupError

MAINTENANCE = "postgres"
"""The server's maintenance database, from which others are renamed, created and dropped."""
CONNECT_SECONDS = "10"
NAME_BYTES = 63
PSQL = ("--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1")


@dataclass(frozen=True)
class Client:
    """The database behind `url`, called `name` in the configuration, and the others of its server."""

    name: str
    url: str
    password_file: Path | None

    @property
    def database(self) -> str:
        """Its name on the server."""
        return unquote(urlsplit(self.url).path.strip("/"))

    def beside(self, suffix: str) -> str:
        """The name of another that begins as this one's, within what the server keeps of a name."""
        return self.database.encode()[: NAME_BYTES - len(suffix)].decode(errors="ignore") + suffix

    def ask(
        self, sql: str, tick: Callable[[], None] = nothing, *, database: str | None = None, **variables: str
    ) -> list[str]:
        """The lines that psql answers to `sql`. Names are handed over as variables, which psql quotes. BackupError."""
        settings = (f"--set={key}={value}" for key, value in variables.items())
        return self.run("psql", *PSQL, *settings, database=database, tick=tick, given=sql).strip().splitlines()

    def run(
        self,
        tool: str,
        *options: str,
        tick: Callable[[], None],
        database: str | None = None,
        low_priority: bool = False,
        given: str = "",
    ) -> str:
        """What `tool` prints, connected to this database or another of its server. BackupError with its last words."""
        env = {"PGCONNECT_TIMEOUT": CONNECT_SECONDS, "PGAPPNAME": "ospi-supervisor"}
        if self.password_file:
            env["PGPASSWORD"] = read_password(self.password_file)
        parts = urlsplit(self.url)
        path = parts.path if database is None else f"/{quote(database, safe='')}"
        command = (tool, "--no-password", f"--dbname={urlunsplit(parts._replace(path=path))}", *options)
        try:
            return run(command, tick, low_priority=low_priority, given=given, env=env)
        except BackupError as error:
            raise BackupError(f"base « {self.name} » : {error}") from error


def read_password(path: Path) -> str:
    """The password in `path`, without the line's end. BackupError, which never says it, where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise BackupError(f"mot de passe illisible dans {path} : {reason(error)}") from error
