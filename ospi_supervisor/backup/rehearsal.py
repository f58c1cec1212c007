"""A restore of a PostgreSQL database tried out on its structure, in a database of its own that is dropped afterwards.

What a role may dump it may not always make anew: an extension or a setting for superusers, another role's table. An
update must hear of it while it can still be refused.
"""

import os
import re
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from ospi_supervisor.backup import sessions
from ospi_supervisor.backup.children import run
from ospi_supervisor.backup.meter import nothing
from ospi_supervisor.backup.psql import MAINTENANCE, Client
from ospi_supervisor.errors import BackupError

TRIAL = "_ospi_essai_"
"""Between the tried database's name and the number of the process that tries: where that is dead, it is a leftover."""
NO_SCHEMA = "ospi aucun"
"""So that pg_restore tells what makes the database itself, and nothing of what is in it."""


def rehearse(client: Client, dump: Callable[[Path], None], options: tuple[str, ...], tick: Callable[[], None]) -> None:
    """Restore what `dump` writes, with the `options` of pg_restore, under another name; nothing of it stays.

    BackupError, which says what to do, where a restore would fail.
    """
    try:
        with TemporaryDirectory(prefix="ospi-essai-") as folder:
            structure = Path(folder, "structure")
            dump(structure)
            _drop_leftovers(client, tick)
            _try_out(client, structure, options, tick)
    except BackupError as error:
        raise BackupError(
            f"{str(error).rstrip(' ;')} ; ce n'est qu'un essai de sa structure, mais sa restauration échouerait aussi :"
            " donnez au rôle de la plateforme la propriété de tout ce que la base contient, et ôtez-en ce que seul un"
            " superutilisateur peut recréer (extension, publication, réglage de la base)"
        ) from error


def _drop_leftovers(client: Client, tick: Callable[[], None]) -> None:
    for name in client.ask("SELECT datname FROM pg_database;", tick, database=MAINTENANCE):
        trial = re.search(rf"{TRIAL}(\d+)$", name)
        if trial and name == client.beside(trial[0]) and not psutil.pid_exists(int(trial[1])):
            sessions.drop(client, name, tick)


def _try_out(client: Client, structure: Path, options: tuple[str, ...], tick: Callable[[], None]) -> None:
    name = client.beside(f"{TRIAL}{os.getpid()}")
    sessions.drop(client, name, tick)
    try:
        client.ask(_making(structure, name, tick), tick, database=MAINTENANCE)
        client.run("pg_restore", *options, str(structure), database=name, tick=tick)
    except BaseException:
        with suppress(BackupError):  # the first failure is told; what stays is dropped by a later trial
            sessions.drop(client, name, nothing)
        raise
    sessions.drop(client, name, nothing)


def _making(structure: Path, name: str, tick: Callable[[], None]) -> str:
    """What `pg_restore --create` does to make the database and give it its properties, for another `name`.

    Its statements are handed to the server as they are: psql, which root runs, would obey a command among them.
    """
    command = ("pg_restore", "--create", f"--schema={NO_SCHEMA}", "--file=/dev/stdout", str(structure))
    lines = [line for line in run(command, tick).split("\n") if not line.startswith("\\")]
    encoding = next(line for line in lines if line.startswith("SET client_encoding"))
    creation = next(line for line in lines if line.startswith("CREATE DATABASE "))
    former = creation.removeprefix("CREATE ").partition(" WITH TEMPLATE")[0]
    present = 'DATABASE "{}"'.format(name.replace('"', '""'))
    rest = "\n".join(line for line in lines if line is not creation)
    quote = f"$ospi{secrets.token_hex()}$"
    statements = (f"SELECT {quote}{sql.replace(former, present)}{quote} \\gexec" for sql in (creation, rest))
    return "\n".join((encoding, *statements))
