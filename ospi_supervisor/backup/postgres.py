"""PostgreSQL databases, by PostgreSQL's own tools (why these and so: `docs/adr/0003-sauvegarde-postgresql.md`)."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ospi_supervisor.backup import sessions
from ospi_supervisor.backup.children import run
from ospi_supervisor.backup.meter import nothing
from ospi_supervisor.backup.psql import MAINTENANCE, Client
from ospi_supervisor.backup.rehearsal import rehearse
from ospi_supervisor.errors import BackupError

ASIDE = "_ospi_avant_restauration"
JOBS = "2"
RESTORE = ("--exit-on-error", f"--jobs={JOBS}")
LOCK_SECONDS = 60
"""How long a dump waits for a table that another session holds, while users wait for it."""
PATIENT_LOCK_SECONDS = 600
"""The same while they work: a night's maintenance of the database may be under way."""

SESSION_SECONDS = 10.0
"""How long `check` watches a session before it says that it stays."""

RIGHTS = """SELECT (rolsuper OR rolcreatedb) AND pg_has_role(datdba, 'USAGE') AND datname <> :'maintenance'
AND has_database_privilege(:'maintenance', 'CONNECT') FROM pg_roles, pg_database
WHERE rolname = current_user AND datname = current_database();
"""
KEPT = """SELECT format('LARGE OBJECT %s', oid) FROM pg_largeobject_metadata WHERE NOT pg_has_role(lomowner, 'MEMBER')
UNION ALL SELECT format('SUBSCRIPTION %s', subname) FROM pg_subscription
JOIN pg_database ON pg_database.oid = subdbid WHERE datname = current_database() LIMIT 5;
"""
"""What the role may not dump, or not make anew, and no trial of the structure shows."""


class PostgresDatabase:
    """A database behind `url`, which holds no password: that is in `password_file`."""

    def __init__(self, name: str, url: str, password_file: Path | None) -> None:
        self.name = name
        self.dump_name = f"{name}.pgdump"
        self.path = None
        self._client = Client(name, url, password_file)

    def check(self, tick: Callable[[], None] = nothing) -> None:
        """BackupError where it cannot be reached or could not be restored: its structure is restored elsewhere to see.

        A session that our role cannot end is watched for some seconds: a restore would fail while it is there.
        """
        if self._client.ask(RIGHTS, tick, maintenance=MAINTENANCE) != ["t"]:
            raise BackupError(
                f"base « {self.name} » : son rôle doit en être propriétaire, avoir le droit CREATEDB et pouvoir se"
                f" connecter à la base « {MAINTENANCE} » (GRANT CONNECT), qui doit en être une autre, sans quoi elle ne"
                " pourrait pas être restaurée"
            )
        if kept := self._client.ask(KEPT, tick):
            raise BackupError(
                f"base « {self.name} » : le rôle de la plateforme ne pourrait pas en restaurer {', '.join(kept)} ;"
                " donnez-lui la propriété des grands objets, et ôtez les abonnements"
            )
        if standing := sessions.others(self._client, self._client.database, tick, SESSION_SECONDS):
            raise BackupError(f"base « {self.name} » : {sessions.in_use(standing)}")
        rehearse(self._client, lambda to: self._dump_structure(to, tick), RESTORE, tick)

    def answers(self) -> bool:
        """Whether the server takes connections: after a power cut it replays its log first."""
        try:
            self._client.ask("SELECT 1;", database=MAINTENANCE)
        except BackupError:
            return False
        return True

    def size(self) -> int:
        """The bytes of its tables and indexes on the server; BackupError where it cannot be reached."""
        return int(self._client.ask("SELECT pg_database_size(current_database());")[0])

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
        return {"database": self._client.database}

    def prove(self, dump: Path, tick: Callable[[], None], *, thorough: bool) -> None:
        """`thorough` unpacks every row, else only the table of contents is read."""
        what = "--file=/dev/null" if thorough else "--list"
        run(("pg_restore", what, str(dump)), tick, low_priority=thorough)

    def check_same(self, facts: Mapping[str, Any]) -> None:
        """BackupError where it bore another name when it was dumped: it would come back there."""
        database = self._client.database
        if (former := facts.get("database", database)) != database:
            raise BackupError(
                f"base « {self.name} » : cette sauvegarde est celle de « {former} », et la configuration nomme"
                f" « {database} » ; redonnez à la base son ancien nom"
            )

    def restore(self, dump: Path, facts: Mapping[str, Any], tick: Callable[[], None]) -> None:
        """Move the present database aside, create it anew from the dump with all its properties, drop the old one.

        As long as the old one is there under its other name, what bears the right name may be half restored: an
        attempt that was killed begins again by dropping it. Nobody else uses it: services are held stopped, other
        sessions are ended or waited for. BackupError as in `check_same`, before anything changes; and where a session
        stays, the present database being as it was.
        """
        self.check_same(facts)
        database, aside = self._client.database, self._client.beside(ASIDE)
        present = self._client.ask("SELECT datname FROM pg_database;", tick, database=MAINTENANCE)
        if aside in present:
            sessions.drop(self._client, database, tick)
        elif database in present:
            self._set_aside(database, aside, tick)
        self._client.run("pg_restore", "--create", *RESTORE, str(dump), database=MAINTENANCE, tick=tick)
        sessions.drop(self._client, aside, tick)

    def _set_aside(self, database: str, aside: str, tick: Callable[[], None]) -> None:
        """Rename it. Under its other name nobody is let in: it is to be dropped."""
        names = {"name": database, "aside": aside}
        try:
            sessions.close(self._client, database, tick)
            self._client.ask('ALTER DATABASE :"name" RENAME TO :"aside";', tick, database=MAINTENANCE, **names)
        except BackupError:
            self._client.ask('ALTER DATABASE :"name" ALLOW_CONNECTIONS true;', database=MAINTENANCE, name=database)
            raise

    def _dump_structure(self, to: Path, tick: Callable[[], None]) -> None:
        options = ("--format=directory", "--schema-only", f"--file={to}")
        self._dump(*options, lock_seconds=LOCK_SECONDS, tick=tick)

    def _dump(self, *options: str, lock_seconds: int, tick: Callable[[], None], low_priority: bool = False) -> None:
        wait = f"--lock-wait-timeout={lock_seconds}s"
        try:
            self._client.run("pg_dump", wait, *options, tick=tick, low_priority=low_priority)
        except BackupError as error:
            if "LOCK TABLE" not in str(error):  # the tool's own words are English; the server's are in any language
                raise
            raise BackupError(
                f"{error} ; si une autre session tient cette table verrouillée (attendue {lock_seconds} secondes),"
                " fermez-la puis recommencez"
            ) from error
