"""A copy of a PostgreSQL database inside its own server: the way back that loads nothing.

`CREATE DATABASE … TEMPLATE` copies files, and undo exchanges two names: neither reads a row. Why, and when it cannot
be: `docs/adr/0007-a-way-back-that-loads-nothing.md`.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

from ospi_supervisor.backup import creation, search_path, sessions
from ospi_supervisor.backup.inventory import Facts
from ospi_supervisor.backup.psql import MAINTENANCE, Client
from ospi_supervisor.backup.server_room import PLACES, SIZE, WHO, free_bytes
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
WHERE usename = current_user AND pid <> pg_backend_pid() AND (strpos(query, :'copy') > 0 OR pid IN (
    SELECT pg_locks.pid FROM pg_locks JOIN pg_database ON pg_database.oid = objid
    WHERE classid = 'pg_database'::regclass AND datname = :'copy'));
"""
"""A commit under way names nothing; until it is seen, what it renamed is locked."""
MAY = """SELECT (rolsuper OR rolcreatedb) AND pg_has_role(datdba, 'USAGE') FROM pg_roles, pg_database
WHERE rolname = current_user AND datname = current_database();
"""
LEFT = "SELECT 1 FROM pg_database WHERE datname = :'copy';"
"""Whether there is a copy: databases are known to each of their server's."""
ASIDE_LEFT = "SELECT 1 FROM pg_database WHERE datname = :'former';"
BESIDE = "SELECT datname = :'copy' FROM pg_database WHERE oid = :'oid';"
"""Whether the copy of that number still waits under its own name; nothing where it is gone."""
EXCHANGE = r"""BEGIN;
SELECT format('ALTER DATABASE %I RENAME TO %I', datname, :'former') FROM pg_database WHERE datname = :'name' \gexec
ALTER DATABASE :"copy" RENAME TO :"name";
ALTER DATABASE :"name" ALLOW_CONNECTIONS true;
{properties}
COMMIT;
RESET client_encoding;
{drop}"""
"""What was there is dropped at once: it was closed, and what can be renamed nobody is in. The properties are in an
encoding of their own, its name is not."""


class Found(NamedTuple):
    """What the server says before a copy: why there can be none, in words, the database's search path as
    `search_path.ASK` has it, and whether an earlier copy is there."""

    obstacle: str | None
    search_path: str
    is_left: bool


@dataclass(frozen=True)
class ServerCopies:
    """The one copy of the database behind `client`. All errors are BackupError."""

    client: Client

    @property
    def name(self) -> str:
        """What the copy is called."""
        return self.client.beside(COPY)

    def look(self, tick: Callable[[], None]) -> Found:
        """What the server says before a copy. The obstacle is that the role may not, or that the server has no room;
        None where nothing tells.

        As much again must be left for what a migration writes while the copy is there.
        """
        asked = (MAY, SIZE, WHO, PLACES, search_path.ASK, LEFT)
        may, (size,), (who,), places, path, left = self.client.ask_each(asked, tick, copy=self.name)
        obstacle, needed = None, 2 * int(size)
        if may != ["t"]:
            obstacle = (
                "le rôle de la plateforme ne peut pas la copier dans son serveur (CREATEDB, propriété de la base)"
            )
        elif (free := free_bytes(who, places)) is not None and free < needed:
            obstacle = f"son serveur n'en a pas la place : il reste {in_bytes(free)}, il en faudrait {in_bytes(needed)}"
        return Found(obstacle, "\n".join(path), bool(left))

    def make(self, found: Found, tick: Callable[[], None]) -> Facts:
        """Copy the database, whose services are stopped; the facts are for `exchange`.

        Sessions are ended or waited for some seconds, and nobody is let in meanwhile. Afterwards, and after a failure,
        the database is as it was; killed, `forget` opens it.
        """
        made = creation.of_database(self.client, tick)
        if found.is_left:
            sessions.drop(self.client, self.name, tick)
        try:
            sessions.close(self.client, self.client.database, tick, WAIT_SECONDS)
            *_, oid = self._ask(MAKE + sessions.OPEN, tick)
        except BaseException:
            self._ask(sessions.OPEN, tick)
            raise
        return {"database": self.client.database, "oid": oid, "creation": list(made), "search_path": found.search_path}

    def exists(self, facts: Facts, tick: Callable[[], None]) -> bool:
        """Whether the copy that `make` gave these facts of is still there, under whatever name."""
        return bool(self._ask(BESIDE, tick, oid=facts["oid"]))

    def is_beside(self, facts: Facts, tick: Callable[[], None]) -> bool:
        """Whether the copy still waits under its own name."""
        return self._ask(BESIDE, tick, oid=facts["oid"]) == ["t"]

    def exchange(self, facts: Facts, tick: Callable[[], None]) -> None:
        """Give the copy the database's name and all its properties in one transaction, then drop what was there.

        What our role prepared in the database is rolled back before. Killed at any moment, it can be called again. The
        names say how far it came: the copy is known by its number.
        """
        name, former = self.client.database, self.client.beside(ASIDE)
        asked = (BESIDE, ASIDE_LEFT, sessions.PREPARED)
        beside, left, prepared = self._ask_alone(asked, tick, oid=facts["oid"], former=former)
        if prepared:
            sessions.end_prepared(self.client, name, tick)
        if not beside:
            raise BackupError(f"base « {self.client.name} » : sa copie dans le serveur a disparu ({self.name})")
        if left:
            sessions.drop(self.client, former, tick)
        if beside == ["t"]:
            try:
                sessions.close(self.client, name, tick)
                self._ask(_exchange(facts), tick, former=former)
            except BackupError:
                with suppress(BackupError):  # the first failure is told
                    self._ask(sessions.OPEN, tick)
                raise

    def open(self, tick: Callable[[], None]) -> None:
        """Let our role into the copy, to read it."""
        self._ask('ALTER DATABASE :"copy" ALLOW_CONNECTIONS true;', tick)

    def forget(self, tick: Callable[[], None]) -> None:
        """Drop the copy if there is one, and open the database, if a copy that was killed left it closed."""
        self._ask_alone((), tick)
        if self._ask(sessions.OPEN + LEFT, tick):
            sessions.drop(self.client, self.name, tick)

    def _ask_alone(self, questions: Sequence[str], tick: Callable[[], None], **more: str) -> list[list[str]]:
        """The answers, once what a killed worker left the server to do has ended: a copy that nobody expects any more.

        The questions change nothing: they are asked anew until then.
        """
        names = self._names | more
        while (answers := self.client.ask_each((END, *questions), tick, database=MAINTENANCE, **names))[0]:
            tick()
            time.sleep(POLL_SECONDS)
        return answers[1:]

    def _ask(self, sql: str, tick: Callable[[], None], **more: str) -> list[str]:
        return self.client.ask(sql, tick, database=MAINTENANCE, **(self._names | more))

    @property
    def _names(self) -> dict[str, str]:
        return {"name": self.client.database, "copy": self.name}


def _exchange(facts: Facts) -> str:
    encoding, _, properties = facts["creation"]
    return EXCHANGE.format(properties=creation.script(encoding, properties), drop=sessions.DROP.format("former"))
