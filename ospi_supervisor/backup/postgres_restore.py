"""The ways back of a PostgreSQL database, the best first: names exchanged, a database made anew, one refilled in place.

What the server allowed when the state was kept it may refuse by now: the role lost a right, a session stays. So
whatever stops the best way, the last one is tried, for which the role need only own its database.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ospi_supervisor.backup import creation, in_place, sessions
from ospi_supervisor.backup.copies import ASIDE, ServerCopies
from ospi_supervisor.backup.inventory import Facts
from ospi_supervisor.backup.psql import MAINTENANCE, Client, Tick
from ospi_supervisor.backup.server_room import has_room
from ospi_supervisor.errors import BackupError

COPIED, CREATION = "oid", "creation"
"""The facts that tell a copy in the server, and a dump that does not say how its database is made."""
PRESENT = "SELECT datname FROM pg_database;"
JOBS = "2"
ONE_BY_ONE = ("--exit-on-error", "--verbose")
"""The program says which table it loads: a message of a failure names it."""
RESTORE = ("--exit-on-error", f"--jobs={JOBS}")
FROM_COPY = "retour"
"""The folder of a copy that had to be dumped, while it is loaded."""


@dataclass(frozen=True)
class PostgresRestore:
    """Of the database behind `client`. `settle` dumps the copy of the facts given, and returns the dump's facts."""

    client: Client
    copies: ServerCopies
    settle: Callable[[Facts, Path, Tick], Facts]

    def run(self, dump: Path, facts: Facts, tick: Tick) -> None:
        """Bring back what `dump` holds or, of a copy in the server, the copy; beside `dump` a copy may be dumped.

        Killed at any moment, it can be called again. BackupError, the present database being as it was where a session
        stays that holds some of it.
        """
        if COPIED in facts:
            self._from_copy(dump, facts, tick)
            return
        name, asked = self.client.database, (sessions.PREPARED, in_place.MAY_CREATE, PRESENT)
        prepared, may, present = self.client.ask_each(asked, tick, database=MAINTENANCE, name=name)
        if prepared:
            sessions.end_prepared(self.client, name, tick)
        if in_place.may_create(may):
            self._from_dump(dump, facts, present, tick)
        else:
            in_place.restore(self.client, dump, tick, facts.get(CREATION))

    def _from_copy(self, dump: Path, facts: Facts, tick: Tick) -> None:
        try:
            self.copies.exchange(facts, tick)
        except BackupError as error:
            if not self.copies.is_beside(facts, tick):
                raise
            self._check_that_nothing_is_held(error, tick)
            folder = dump / FROM_COPY
            sessions.enter(self.client, self.client.database, tick)  # its settings are asked for, to dump the copy
            shutil.rmtree(folder, ignore_errors=True)  # of an attempt that was killed
            folder.mkdir(parents=True)
            made = folder / self.client.name
            self._refill(made, self.settle(facts, made, tick), error, tick)
            shutil.rmtree(folder)

    def _from_dump(self, dump: Path, facts: Facts, present: list[str], tick: Tick) -> None:
        """Of a server that has the databases `present`."""
        database, former = self.client.database, self.client.beside(ASIDE)
        try:
            if former not in present and database in present and self._has_room(tick):
                self._set_aside(database, former, tick)
            else:
                sessions.drop(self.client, database, tick)
        except BackupError as error:
            self._check_that_nothing_is_held(error, tick)
            self._refill(dump, facts, error, tick)
        else:
            self._load(dump, facts, tick)
        sessions.drop(self.client, former, tick)

    def _check_that_nothing_is_held(self, error: BackupError, tick: Tick) -> None:
        """Raise `error`, the best way's, where a session holds what would be dropped: half of it would be."""
        if sessions.holding(self.client, self.client.database, tick):
            raise error

    def _refill(self, dump: Path, facts: Facts, error: BackupError, tick: Tick) -> None:
        """Where the database is, since `error` kept another from taking its place."""
        try:
            in_place.restore(self.client, dump, tick, facts.get(CREATION))
        except BackupError as second:
            raise BackupError(f"{error} ; et, restaurée là où elle est : {second}") from second

    def _has_room(self, tick: Tick) -> bool:
        """Whether the present database can stay until the other is there, or nobody can tell."""
        try:
            return has_room(self.client, tick)
        except BackupError:
            return True

    def _load(self, dump: Path, facts: Facts, tick: Tick) -> None:
        """Make the database and load it by two jobs; where that fails, by one, as the dump was proven to load."""
        try:
            self._load_with(RESTORE, dump, facts, tick)
        except BackupError:
            sessions.drop(self.client, self.client.database, tick)
            self._load_with(ONE_BY_ONE, dump, facts, tick)

    def _load_with(self, options: tuple[str, ...], dump: Path, facts: Facts, tick: Tick) -> None:
        """A dump of the database's copy, which had another name, does not say how the database is made."""
        if CREATION not in facts:
            self.client.load(dump, "--create", *options, database=MAINTENANCE, tick=tick)
            return
        self.client.ask(creation.script(*facts[CREATION]), tick, database=MAINTENANCE)
        self.client.load(dump, *options, tick=tick)

    def _set_aside(self, database: str, aside: str, tick: Tick) -> None:
        """Rename it. Under its other name nobody is let in: it is to be dropped."""
        names = {"name": database, "aside": aside}
        try:
            sessions.close(self.client, database, tick)
            self.client.ask('ALTER DATABASE :"name" RENAME TO :"aside";', tick, database=MAINTENANCE, **names)
        except BackupError:
            self.client.ask('ALTER DATABASE :"name" ALLOW_CONNECTIONS true;', database=MAINTENANCE, name=database)
            raise
