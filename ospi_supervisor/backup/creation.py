"""What makes a PostgreSQL database itself, as pg_dump tells it: encoding, owner, settings, limit, rights, comment."""

import re
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from ospi_supervisor.backup.psql import Client
from ospi_supervisor.system.temporary import temporary_folder

NO_SCHEMA = "ospi aucun"
"""So that pg_restore tells what makes the database itself, and nothing of what is in it."""

TABLESPACE = re.compile(r' TABLESPACE = (?:"(?:[^"]|"")+"|\w+);$')


class Creation(NamedTuple):
    """SQL, in the encoding that the first statement names: what creates the database, what gives it its properties."""

    encoding: str
    creation: str
    properties: str


def of_dump(client: Client, dump: Path, tick: Callable[[], None]) -> Creation:
    """What `pg_restore --create` does before it restores what is in the database. BackupError."""
    said = client.read(dump, "--create", f"--schema={NO_SCHEMA}", "--file=/dev/stdout", tick=tick)
    lines = [line for line in said.split("\n") if not line.startswith("\\")]
    encoding = next(line for line in lines if line.startswith("SET client_encoding"))
    creation = next(line for line in lines if line.startswith("CREATE DATABASE "))
    return Creation(encoding, creation, "\n".join(line for line in lines if line is not creation))


def elsewhere(made: Sequence[str]) -> Creation:
    """The same for a server of this program's own, which has no tablespace but the usual one."""
    encoding, making, properties = made
    return Creation(encoding, TABLESPACE.sub(";", making), properties)


def of_database(client: Client, tick: Callable[[], None]) -> Creation:
    """The same of the database behind `client`, as it is now: only its catalogue is read. BackupError."""
    with temporary_folder() as folder:
        dump = Path(folder, "base")
        client.dump(dump, "--schema-only", "--exclude-schema=*", tick=tick)
        return of_dump(client, dump, tick)


def script(encoding: str, *statements: str) -> str:
    """`statements` for psql, which root runs and which would obey a command among them: each is handed to the server
    as it is, in one transaction of its own."""
    quote = f"$ospi{secrets.token_hex()}$"
    return "\n".join((encoding, *(f"SELECT {quote}{sql}{quote} \\gexec" for sql in statements)))
