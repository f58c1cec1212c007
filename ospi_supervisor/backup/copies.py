"""A copy of a PostgreSQL database inside its own server: the way back that loads nothing.

`CREATE DATABASE … TEMPLATE` copies files, and undo exchanges two names: neither reads a row. Why, and when it cannot
be: `docs/adr/0007-a-way-back-that-loads-nothing.md`.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from ospi_supervisor.backup import creation, search_path, sessions
from ospi_supervisor.backup.inventory import Facts
from ospi_supervisor.backup.psql import MAINTENANCE, Client
from ospi_supervisor.backup.server_room import SIZE, free_bytes
from ospi_supervisor.domain.words import size as in_bytes
from ospi_supervisor.errors import BackupError

COPY = "_ospi_arret"
ASIDE = "_ospi_avant_restauration"
"""What a present database is called until what takes its place is complete. Then it is dropped."""
WAIT_SECONDS = 5.0
"""How long a session that our role cannot end is waited for, while users wait: a supervision's is short."""

MAKE = """SELECT format('CREATE DATABASE %I WITH TEMPLATE %I ALLOW_CONNECTIONS false', :'copy', :'name')
|| CASE WHEN current_setting('server_version_num')::int >= 150000 THEN ' STRATEGY file_copy' ELSE '' END \\gexec
SELECT oid FROM pg_database WHERE datname = :'copy';
"""
POLL_SECONDS = 0.1
END = """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE usename = current_user AND pid <> pg_backend_pid() AND strpos(query, :'copy') > 0;
"""
MAY = """SELECT (rolsuper OR rolcreatedb) AND pg_has_role(datdba, 'USAGE') FROM pg_roles, pg_database
WHERE rolname = current_user AND datname = current_database();
"""
EXCHANGE = r"""BEGIN;
SELECT format('ALTER DATABASE %I RENAME TO %I', datname, :'former') FROM pg_database WHERE datname = :'name' \gexec
ALTER DATABASE :"copy" RENAME TO :"name";
ALTER DATABASE :"name" ALLOW_CONNECTIONS true;
{properties}
COMMIT;
"""


@dataclass(frozen=True)
class ServerCopies:
    """The one copy of the database behind `client`. All errors are BackupError."""

    client: Client

    @property
    def name(self) -> str:
        """What the copy is called."""
        return self.client.beside(COPY)

    def obstacle(self, tick: Callable[[], None]) -> str | None:
        """Why there can be no copy, in words: the role may not, or the server has no room; None where nothing tells.

        As much again must be left for what a migration writes while the copy is there.
        """
        if self.client.ask(MAY, tick) != ["t"]:
            return "le rôle de la plateforme ne peut pas la copier dans son serveur (CREATEDB, propriété de la base)"
        free = free_bytes(self.client, tick)
        size = int(self.client.ask(SIZE, tick)[0])
        if free is None or free >= 2 * size:
            return None
        return f"son serveur n'en a pas la place : il reste {in_bytes(free)}, il en faudrait {in_bytes(2 * size)}"

    def make(self, tick: Callable[[], None]) -> Facts:
        """Copy the database, whose services are stopped; the facts are for `exchange`.

        Sessions are ended or waited for some seconds, and nobody is let in meanwhile. Afterwards, and after a failure,
        the database is as it was; killed, `forget` opens it.
        """
        made = creation.of_database(self.client, tick)
        path = "\n".join(self.client.ask(search_path.ASK, tick))
        self._drop(self.name, tick)
        try:
            sessions.close(self.client, self.client.database, tick, WAIT_SECONDS)
            *_, oid = self._ask(MAKE, tick, copy=self.name)
        finally:
            self._ask(sessions.OPEN, tick)
        return {"database": self.client.database, "oid": oid, "creation": list(made), "search_path": path}

    def exists(self, facts: Facts, tick: Callable[[], None]) -> bool:
        """Whether the copy that `make` gave these facts of is still there, under whatever name."""
        return bool(self._ask("SELECT 1 FROM pg_database WHERE oid = :'oid';", tick, oid=facts["oid"]))

    def is_beside(self, facts: Facts, tick: Callable[[], None]) -> bool:
        """Whether the copy still waits under its own name."""
        asked = "SELECT 1 FROM pg_database WHERE oid = :'oid' AND datname = :'copy';"
        return bool(self._ask(asked, tick, oid=facts["oid"]))

    def exchange(self, facts: Facts, tick: Callable[[], None]) -> None:
        """Give the copy the database's name and all its properties in one transaction, then drop what was there.

        Killed at any moment, it can be called again. The names say how far it came: the copy is known by its number.
        """
        name, former = self.client.database, self.client.beside(ASIDE)
        self._end_ours(tick)
        if not self.exists(facts, tick):
            raise BackupError(f"base « {self.client.name} » : sa copie dans le serveur a disparu ({self.name})")
        if self.is_beside(facts, tick):
            self._drop(former, tick)
            try:
                sessions.close(self.client, name, tick)
                encoding, _, properties = facts["creation"]
                self._ask(EXCHANGE.format(properties=creation.script(encoding, properties)), tick, former=former)
            except BackupError:
                with suppress(BackupError):  # the first failure is told
                    self._ask(sessions.OPEN, tick)
                raise
        self._drop(former, tick)

    def open(self, tick: Callable[[], None]) -> None:
        """Let our role into the copy, to read it."""
        self._ask('ALTER DATABASE :"copy" ALLOW_CONNECTIONS true;', tick)

    def forget(self, tick: Callable[[], None]) -> None:
        """Drop the copy if there is one, and open the database, if a copy that was killed left it closed."""
        self._end_ours(tick)
        self._ask(sessions.OPEN, tick)
        self._drop(self.name, tick)

    def _drop(self, name: str, tick: Callable[[], None]) -> None:
        if self._ask("SELECT 1 FROM pg_database WHERE datname = :'dropped';", tick, dropped=name):
            sessions.drop(self.client, name, tick)

    def _end_ours(self, tick: Callable[[], None]) -> None:
        """End what a worker that was killed left the server to do: a copy that nobody expects any more."""
        while self._ask(END, tick):
            tick()
            time.sleep(POLL_SECONDS)

    def _ask(self, sql: str, tick: Callable[[], None], **more: str) -> list[str]:
        names = {"name": self.client.database, "copy": self.name} | more
        return self.client.ask(sql, tick, database=MAINTENANCE, **names)
