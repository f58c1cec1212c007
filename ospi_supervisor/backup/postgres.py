"""PostgreSQL databases, by PostgreSQL's own tools (why these and so: `docs/adr/0003-sauvegarde-postgresql.md`)."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from ospi_supervisor.backup.children import run
from ospi_supervisor.backup.words import reason
from ospi_supervisor.errors import BackupError

ASIDE = "_ospi_avant_restauration"
JOBS = "2"
CONNECT_SECONDS = "10"
LOCK_SECONDS = 60
"""How long a dump waits for a table that another session holds, while users wait for it."""
PATIENT_LOCK_SECONDS = 600
"""The same while they work: a night's maintenance of the database may be under way."""

DISCONNECT = """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = :'name' AND pid <> pg_backend_pid() AND pg_has_role(usesysid, 'MEMBER');
"""
RIGHTS = """SELECT (rolsuper OR rolcreatedb) AND pg_has_role(datdba, 'MEMBER') FROM pg_roles, pg_database
WHERE rolname = current_user AND datname = current_database();
"""


class PostgresDatabase:
    """A database behind `url`, which holds no password: that is in `password_file`."""

    def __init__(self, name: str, url: str, password_file: Path | None) -> None:
        self.name = name
        self.dump_name = f"{name}.pgdump"
        self.path = None
        self._url = url
        self._database = unquote(urlsplit(url).path.strip("/"))
        self._password_file = password_file

    def check(self) -> None:
        """BackupError where it cannot be reached or where its role could not restore it."""
        if self._ask(RIGHTS) != "t":
            raise BackupError(
                f"base « {self.name} » : son rôle doit en être propriétaire et avoir le droit CREATEDB,"
                " sans quoi elle ne pourrait pas être restaurée"
            )

    def answers(self) -> bool:
        """Whether the server takes connections: after a power cut it replays its log first."""
        try:
            self._ask("SELECT 1;", server=True)
        except BackupError:
            return False
        return True

    def size(self) -> int:
        """The bytes of its tables and indexes on the server; BackupError where it cannot be reached."""
        return int(self._ask("SELECT pg_database_size(current_database());"))

    def files(self) -> frozenset[Path]:
        """None: the server keeps its files."""
        return frozenset()

    def dump(self, to: Path, tick: Callable[[], None], *, low_priority: bool) -> dict[str, Any]:
        """One consistent state, taken while others read and write, into the new folder `to`.

        At low priority, while users work, it is compressed; while they wait, it is only written. BackupError where
        another session keeps a table locked.
        """
        seconds = PATIENT_LOCK_SECONDS if low_priority else LOCK_SECONDS
        options = ("--format=directory", f"--jobs={JOBS}", f"--compress={int(low_priority)}", f"--file={to}")
        self._dump(*options, lock_seconds=seconds, tick=tick, low_priority=low_priority)
        return {"database": self._database}

    def prove(self, dump: Path, tick: Callable[[], None], *, thorough: bool) -> None:
        """`thorough` unpacks every row, else only the table of contents is read."""
        what = "--file=/dev/null" if thorough else "--list"
        run(("pg_restore", what, str(dump)), tick, low_priority=thorough)

    def check_same(self, facts: Mapping[str, Any]) -> None:
        """BackupError where it bore another name when it was dumped: it would come back there."""
        if (former := facts.get("database", self._database)) != self._database:
            raise BackupError(
                f"base « {self.name} » : cette sauvegarde est celle de « {former} », et la configuration nomme"
                f" « {self._database} » ; redonnez à la base son ancien nom"
            )

    def restore(self, dump: Path, facts: Mapping[str, Any], tick: Callable[[], None]) -> None:
        """Move the present database aside, create it anew from the dump with all its properties, drop the old one.

        As long as the old one is there under its other name, what bears the right name may be half restored: an
        attempt that was killed begins again by dropping it. Nobody else uses it: services are held stopped.
        BackupError as in `check_same`, before anything changes.
        """
        self.check_same(facts)
        aside = f"{self._database}{ASIDE}"
        present = self._ask("SELECT datname FROM pg_database;", server=True).splitlines()
        if self._database in present:
            change = 'DROP DATABASE :"name";' if aside in present else 'ALTER DATABASE :"name" RENAME TO :"aside";'
            self._ask(DISCONNECT + change, tick, server=True, name=self._database, aside=aside)
        options = ("--create", "--exit-on-error", f"--jobs={JOBS}", str(dump))
        self._tool("pg_restore", self._server, *options, tick=tick)
        self._ask(DISCONNECT + 'DROP DATABASE IF EXISTS :"name";', tick, server=True, name=aside)

    def _dump(self, *options: str, lock_seconds: int, tick: Callable[[], None], low_priority: bool = False) -> None:
        wait = f"--lock-wait-timeout={lock_seconds}s"
        try:
            self._tool("pg_dump", self._url, wait, *options, tick=tick, low_priority=low_priority)
        except BackupError as error:
            if "LOCK TABLE" not in str(error):  # the tool's own words are English; the server's are in any language
                raise
            raise BackupError(
                f"{error} ; si une autre session tient cette table verrouillée (attendue {lock_seconds} secondes),"
                " fermez-la puis recommencez"
            ) from error

    @property
    def _server(self) -> str:
        """The same server's maintenance database, from which others are renamed, created and dropped."""
        return urlunsplit(urlsplit(self._url)._replace(path="/postgres"))

    def _ask(self, sql: str, tick: Callable[[], None] = lambda: None, *, server: bool = False, **variables: str) -> str:
        """What psql answers to `sql`. Names are handed over as variables, which psql quotes."""
        settings = [f"--set={key}={value}" for key, value in variables.items()]
        options = ("--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1", *settings)
        return self._tool("psql", self._server if server else self._url, *options, tick=tick, given=sql).strip()

    def _tool(
        self, tool: str, url: str, *options: str, tick: Callable[[], None], low_priority: bool = False, given: str = ""
    ) -> str:
        env = {"PGCONNECT_TIMEOUT": CONNECT_SECONDS, "PGAPPNAME": "ospi-supervisor"}
        if self._password_file:
            env["PGPASSWORD"] = read_password(self._password_file)
        command = (tool, "--no-password", f"--dbname={url}", *options)
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
