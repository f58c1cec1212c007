"""PostgreSQL's own client programs, with the address and the password of one declared database.

They talk with a server that others fill, and read what it told: they never run as root.
"""

import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, quote, unquote, urlsplit, urlunsplit

from ospi_supervisor.backup.children import run
from ospi_supervisor.backup.meter import nothing
from ospi_supervisor.backup.reasons import reason
from ospi_supervisor.errors import BackupError
from ospi_supervisor.hands.accounts import Account, account_named
from ospi_supervisor.hands.lending import Lent, lent, lent_empty, stranger
from ospi_supervisor.hands.sandbox import is_enclosed

Tick = Callable[[], None]
MAINTENANCE = "postgres"
"""The server's maintenance database, from which others are renamed, created and dropped."""
CONNECT_SECONDS = "10"
NAME_BYTES = 63
PATIENT = "SET default_transaction_read_only = off; SET statement_timeout = 0; SET lock_timeout = 0;\n"
"""What the platform's own statements are held to, by settings of its database or role, is not for ours."""
UNLIMITED = """SELECT datconnlimit = -1 AND rolconnlimit = -1 FROM pg_database, pg_roles
WHERE datname = current_database() AND rolname = current_user;
"""
ROWS_WRITTEN = """SELECT tup_inserted + tup_updated + tup_deleted FROM pg_stat_database
WHERE datname = current_database();
"""
_WRAPPER = "/usr/share/postgresql-common/pg_wrapper"
_OF_DEBIAN = Path("/usr/lib/postgresql")
PSQL = ("--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1")


@dataclass(frozen=True)
class Client:
    """The database behind `url`, called `name` in the configuration, and the others of its server."""

    name: str
    url: str
    password_file: Path | None
    account: str | None = None
    descriptors: tuple[int, ...] = ()
    """What its programs are handed besides: the address may name a folder by one (`/proc/self/fd/N`)."""

    @property
    def runs_as(self) -> Account | None:
        """As whom its programs run: nobody that could be looked into, since they know the password.

        Where there is none, the server knows its clients by their accounts: then as `account`, if one is configured.
        None for this process' own. BackupError where the machine has no such account.
        """
        if not is_enclosed():
            return None
        if self.password_file:
            return stranger()
        return account_named(self.account) if self.account else None

    @property
    def database(self) -> str:
        """Its name on the server."""
        return unquote(urlsplit(self.url).path.strip("/"))

    def beside(self, suffix: str) -> str:
        """The name of another that begins as this one's, within what the server keeps of a name."""
        return self.database.encode()[: NAME_BYTES - len(suffix)].decode(errors="ignore") + suffix

    def ask(self, sql: str, tick: Tick = nothing, *, database: str | None = None, **variables: str) -> list[str]:
        """The lines that psql answers to `sql`. Names are handed over as variables, which psql quotes. BackupError."""
        return _lines(self._answer(sql, tick, database, variables))

    def ask_each(
        self, questions: Sequence[str], tick: Tick = nothing, *, database: str | None = None, **variables: str
    ) -> list[list[str]]:
        """What `ask` answers to each of the `questions`, which are whole statements: one psql is asked all of them.

        Where one fails, those after it are not asked. BackupError as `ask`.
        """
        end = secrets.token_hex()  # no answer holds it: psql says it by itself, and the server is not told
        sql = "".join(f"{question}\n\\echo {end}\n" for question in questions)
        *answers, rest = self._answer(sql, tick, database, variables).split(f"{end}\n")
        if rest or len(answers) != len(questions):
            raise BackupError(f"base « {self.name} » : « psql » n'a pas répondu à tout ; contactez le support")
        return [_lines(answer) for answer in answers]

    def _answer(self, sql: str, tick: Tick, database: str | None, variables: Mapping[str, str]) -> str:
        settings = (f"--set={key}={value}" for key, value in variables.items())
        return self.run("psql", *PSQL, *settings, database=database, tick=tick, given=PATIENT + sql)

    def jobs(self, tick: Callable[[], None]) -> int:
        """How many may work for a dump at a time: each has a session of its own, and their number may be limited."""
        return jobs_of(self.ask(UNLIMITED, tick))

    def run(
        self,
        tool: str,
        *options: str,
        tick: Callable[[], None],
        database: str | None = None,
        low_priority: bool = False,
        given: str = "",
        descriptors: Sequence[int] = (),
    ) -> str:
        """What `tool` prints, connected to this database or another of its server. BackupError with its last words."""
        env = {"PGCONNECT_TIMEOUT": CONNECT_SECONDS, "PGAPPNAME": "ospi-supervisor"}
        if self.password_file:
            env["PGPASSWORD"] = read_password(self.password_file)
        program = program_of(tool) if self._names_its_server else tool
        command = (program, "--no-password", f"--dbname={self._address_of(database)}", *options)
        try:
            return self._run(command, tick, low_priority, (*self.descriptors, *descriptors), given, env)
        except BackupError as error:
            raise BackupError(f"base « {self.name} » : {error}") from error

    @property
    def _names_its_server(self) -> bool:
        """Whether the address does; else Debian's wrapper is to find this machine's own."""
        parts = urlsplit(self.url)
        return parts.hostname is not None or "host" in parse_qs(parts.query)

    def _address_of(self, database: str | None) -> str:
        """The address of another database of the server; our own where it is None."""
        parts = urlsplit(self.url)
        place = parts.path if database is None else f"/{quote(database, safe='')}"
        address = urlunsplit(parts._replace(path=place))
        return address if parts.netloc else address.replace(":", "://", 1)  # one that names neither role nor host

    def dump(
        self, to: Path, *options: str, tick: Tick, database: str | None = None, low_priority: bool = False
    ) -> None:
        """Have pg_dump fill the new folder `to`. BackupError as `run`."""
        with _named(lent_empty(to, self.runs_as), to) as place:
            command = ("pg_dump", "--format=directory", f"--file={place.name}", *options)
            passed = place.descriptors
            self.run(*command, tick=tick, database=database, low_priority=low_priority, descriptors=passed)

    def load(
        self,
        dump: Path,
        *options: str,
        tick: Tick,
        database: str | None = None,
        low_priority: bool = False,
        given: str = "",
    ) -> None:
        """Have pg_restore load the folder `dump` into this database, or another of its server. BackupError as `run`."""
        with _named(lent(dump, self.runs_as), dump) as place:
            command = ("pg_restore", *options, place.name)
            passed = place.descriptors
            self.run(*command, tick=tick, database=database, low_priority=low_priority, given=given, descriptors=passed)

    def read(self, dump: Path, *options: str, tick: Tick, low_priority: bool = False) -> str:
        """What pg_restore prints of the folder `dump`, connected to no server. BackupError."""
        with _named(lent(dump, self.runs_as), dump) as place:
            return self._run((program_of("pg_restore"), *options, place.name), tick, low_priority, place.descriptors)

    def _run(
        self,
        command: Sequence[str],
        tick: Tick,
        low_priority: bool,
        descriptors: Sequence[int],
        given: str = "",
        env: Mapping[str, str] | None = None,
    ) -> str:
        return run(
            command,
            tick,
            low_priority=low_priority,
            given=given,
            env=env,
            descriptors=descriptors,
            account=self.runs_as,
        )


def _lines(answer: str) -> list[str]:
    return answer.strip().splitlines()


def jobs_of(answer: list[str]) -> int:
    """How many may work for a dump at a time, where the server gave that `answer` to `UNLIMITED`."""
    return 2 if answer == ["t"] else 1


def program_of(tool: str) -> str:
    """What to start for `tool`: itself, where Debian's wrapper stands in its place and has one version to choose from.

    The wrapper is a Perl script that takes longer to load than most questions take to be answered. Where there are
    several versions, the choice is its own: a newer one may write what an older server does not know.
    """
    if os.path.realpath(shutil.which(tool) or tool) != _WRAPPER:
        return tool
    found = list(_OF_DEBIAN.glob(f"*/bin/{tool}"))
    return os.fspath(found[0]) if len(found) == 1 else tool


@contextmanager
def _named(lending: AbstractContextManager[Lent], folder: Path) -> Iterator[Lent]:
    """What a program says of a folder that is lent to it, by the name that the folder has for us."""
    with lending as place:
        try:
            yield place
        except BackupError as error:
            raise BackupError(str(error).replace(place.name, os.fspath(folder))) from error


def read_password(path: Path) -> str:
    """The password in `path`, without the line's end. BackupError, which never says it, where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise BackupError(f"mot de passe illisible dans {path} : {reason(error)}") from error
