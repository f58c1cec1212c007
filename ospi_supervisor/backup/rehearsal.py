"""A restore of a PostgreSQL database tried out, in a database of its own that is dropped afterwards.

On its structure, at little cost: what a role may dump it may not always make anew (an extension or a setting for
superusers, another role's table). And on a whole dump: what is readable does not always load. An update must hear of it
while it can still be refused.
"""

import os
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil

from ospi_supervisor.backup import creation as creation_of
from ospi_supervisor.backup import in_place, sessions
from ospi_supervisor.backup.meter import nothing
from ospi_supervisor.backup.psql import MAINTENANCE, Client
from ospi_supervisor.backup.scratch_server import scratch_server
from ospi_supervisor.backup.server_room import has_room
from ospi_supervisor.errors import BackupError
from ospi_supervisor.system.temporary import temporary_folder

TRIAL = "_ospi_essai_"
"""Between the tried database's name and the number of the process that tries: where that is dead, it is a leftover."""


def rehearse(client: Client, dump: Callable[[Path], None], options: tuple[str, ...], tick: Callable[[], None]) -> None:
    """Restore what `dump` writes, with the `options` of pg_restore, under another name; nothing of it stays.

    BackupError, which says what to do, where a restore would fail.
    """
    try:
        with temporary_folder() as folder:
            structure = Path(folder, "structure")
            dump(structure)
            if in_place.is_needed(client, tick):
                in_place.check(client, tick)
                in_place.trial(client, structure, Path(folder, "serveur"), tick)
                return
            _drop_leftovers(client, tick)
            _try_out(client, structure, options, tick)
    except BackupError as error:
        raise BackupError(
            f"{str(error).rstrip(' ;')} ; ce n'est qu'un essai de sa structure, mais sa restauration échouerait aussi :"
            " donnez au rôle de la plateforme la propriété de tout ce que la base contient, et ôtez-en ce que seul un"
            " superutilisateur peut recréer (extension, publication, réglage de la base)"
        ) from error


def load(client: Client, dump: Path, options: tuple[str, ...], tick: Callable[[], None]) -> None:
    """The same of a whole `dump`, rows and all, at low priority. BackupError with the table and the cause.

    Where the server has no room, or the role may make no database, in one of this program's own, beside the dump.
    """
    folder = dump.with_name(f"{dump.name}.essai")
    try:
        if in_place.is_needed(client, tick):
            in_place.trial(client, dump, folder, tick)
            return
        _drop_leftovers(client, tick)
        if has_room(client, tick):
            _try_out(client, dump, options, tick, low_priority=True)
            return
        with scratch_server(client, folder, tick) as scratch:
            scratch.ask(creation_of.script(*creation_of.elsewhere(creation_of.of_dump(client, dump, tick))), tick)
            loading = ("--no-tablespaces", *options)
            scratch.load(dump, *loading, database=client.database, tick=tick, low_priority=True)
    except BackupError as error:
        raise BackupError(f"sa sauvegarde ne se recharge pas : {error}") from error


def _drop_leftovers(client: Client, tick: Callable[[], None]) -> None:
    for name in client.ask("SELECT datname FROM pg_database;", tick, database=MAINTENANCE):
        trial = re.search(rf"{TRIAL}(\d+)$", name)
        if trial and name == client.beside(trial[0]) and not psutil.pid_exists(int(trial[1])):
            sessions.drop(client, name, tick)


def _try_out(
    client: Client, dump: Path, options: tuple[str, ...], tick: Callable[[], None], *, low_priority: bool = False
) -> None:
    name = client.beside(f"{TRIAL}{os.getpid()}")
    sessions.drop(client, name, tick)
    try:
        client.ask(_making(client, dump, name, tick), tick, database=MAINTENANCE)
        client.load(dump, *options, database=name, tick=tick, low_priority=low_priority)
    except BaseException:
        with suppress(BackupError):  # the first failure is told; what stays is dropped by a later trial
            sessions.drop(client, name, nothing)
        raise
    sessions.drop(client, name, nothing)


def _making(client: Client, dump: Path, name: str, tick: Callable[[], None]) -> str:
    """What `pg_restore --create` does to make the database and give it its properties, for another `name`."""
    encoding, creation, properties = creation_of.of_dump(client, dump, tick)
    former = creation.removeprefix("CREATE ").partition(" WITH TEMPLATE")[0]
    present = 'DATABASE "{}"'.format(name.replace('"', '""'))
    statements = (sql.replace(former, present) for sql in (creation, properties))
    return creation_of.script(encoding, *statements)
