"""A real PostgreSQL server of a test's own: on loopback and on a socket in its folder, gone with the test."""

import os
import pwd
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from pg8000.native import Connection

from tests.support.system import free_port, unavailable

QUICK = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")
"""For tests: nothing that the server writes need outlive the machine."""


@dataclass(frozen=True)
class Postgres:
    """A server under test: `port` on 127.0.0.1, where the role `plateforme` owns its databases and may create some."""

    programs: Path
    folder: Path
    port: int
    settings: tuple[str, ...] = QUICK
    password: str = "mot de passe : % é"

    def url(self, database: str) -> str:
        """The address of `database` for the platform's role, without password."""
        return f"postgresql://plateforme@127.0.0.1:{self.port}/{database}"

    def sql(self, database: str, statement: str) -> str:
        """What the server answers its owner, as psql would write it: a line for each row, `|` between its values.

        Without psql, which takes longer to start than most statements take.
        """
        socket = f"{self.folder}/.s.PGSQL.{self.port}"
        with closing(Connection("proprietaire", database=database, unix_sock=socket)) as connection:
            connection.pg_types = defaultdict(lambda: str)  # as the server writes them
            rows = connection.run(statement) or []
        return "\n".join("|".join("" if value is None else value for value in row) for row in rows).strip()

    def run(self, program: str, *arguments: str) -> str:
        """Run one of PostgreSQL's programs as the server's owner."""
        env = {**os.environ, "PGHOST": str(self.folder), "PGPORT": str(self.port), "PGUSER": "proprietaire"}
        command = [str(self.programs / program), *arguments]
        return subprocess.run(command, env=env, check=True, capture_output=True, text=True).stdout

    def control(self, action: str, *arguments: str) -> None:
        """pg_ctl `action` (start, stop) as the account that the server runs under; returns when it is done."""
        command = [str(self.programs / "pg_ctl"), "-D", f"{self.folder}/data", "-w", "-l", f"{self.folder}/log", action]
        subprocess.run([*_unprivileged(), *command, *arguments], check=True, stdout=subprocess.DEVNULL, cwd="/")

    def start(self) -> None:
        """Start the server."""
        settings = (*self.settings, "listen_addresses=127.0.0.1", f"port={self.port}")
        options = " ".join(f"-c {setting}" for setting in settings)
        self.control("start", "-o", f"{options} -k {self.folder}")


def find_programs() -> Path:
    """The newest installed PostgreSQL's programs. Fails under CI, else skips, where there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    initdb = shutil.which("initdb")
    if initdb is None:
        unavailable("postgresql is not installed; `make system-packages` installs it, as root on Debian")
    return Path(initdb).resolve().parent


@contextmanager
def postgres_server(folder: Path, settings: tuple[str, ...] = QUICK) -> Iterator[Postgres]:
    """A server in the new, short-named `folder`, stopped at the end (a socket's path is bounded)."""
    server = Postgres(find_programs(), folder, free_port(), settings)
    folder.mkdir(mode=0o755)
    if os.getuid() == 0:
        os.chown(folder, pwd.getpwnam("nobody").pw_uid, -1)
    initdb = [str(server.programs / "initdb"), "-D", f"{folder}/data", "-U", "proprietaire", "--no-sync", "-E", "UTF8"]
    access = ["--auth-local=trust", "--auth-host=scram-sha-256"]
    subprocess.run([*_unprivileged(), *initdb, *access], check=True, stdout=subprocess.DEVNULL, cwd="/")
    server.start()
    try:
        server.sql("postgres", f"CREATE ROLE plateforme LOGIN CREATEDB PASSWORD '{server.password}'")
        yield server
    finally:
        server.control("stop", "-m", "fast")  # any quicker, and the machine keeps what it shared in memory
        shutil.rmtree(folder)


def _unprivileged() -> list[str]:
    """PostgreSQL refuses to be started by root."""
    if os.getuid() != 0:
        return []
    return ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "--"]
