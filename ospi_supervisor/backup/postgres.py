"""PostgreSQL databases, by PostgreSQL's own tools (why these and so: `docs/adr/0003-sauvegarde-postgresql.md`)."""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from ospi_supervisor.backup import in_place, search_path, sessions
from ospi_supervisor.backup.copies import ServerCopies
from ospi_supervisor.backup.inventory import WHY_DUMPED, Facts, bytes_in
from ospi_supervisor.backup.meter import nothing
from ospi_supervisor.backup.postgres_restore import COPIED, CREATION, ONE_BY_ONE, PostgresRestore
from ospi_supervisor.backup.psql import MAINTENANCE, ROWS_WRITTEN, UNLIMITED, Client, jobs_of
from ospi_supervisor.backup.rehearsal import load, rehearse
from ospi_supervisor.backup.scratch_server import programs_for
from ospi_supervisor.config.tables import DatabaseTable
from ospi_supervisor.errors import BackupError, ConfigurationError

SCRIPT = ".creation.sql"
LOCK_SECONDS = 60
"""How long a dump waits for a table that another session holds, while users wait for it."""
PATIENT_LOCK_SECONDS = 600
"""The same while they work: a night's maintenance of the database may be under way."""

SESSION_SECONDS = 10.0
"""How long `check` watches a session before it says that it stays."""

COMPRESSION = 4
"""How much more a database weighs than its compressed dump, which holds no index."""
SIZE_NOW = "SELECT pg_database_size(datname) FROM pg_database WHERE datname = :'name';"

RIGHTS = """SELECT pg_has_role(datdba, 'USAGE') AND datname <> :'maintenance'
AND has_database_privilege(:'maintenance', 'CONNECT') FROM pg_database WHERE datname = current_database();
"""
KEPT = """SELECT format('LARGE OBJECT %s', oid) FROM pg_largeobject_metadata WHERE NOT pg_has_role(lomowner, 'MEMBER')
UNION ALL SELECT format('SUBSCRIPTION %s', subname) FROM pg_subscription
JOIN pg_database ON pg_database.oid = subdbid WHERE datname = current_database() LIMIT 5;
"""
"""What the role may not dump, or not make anew, and no trial of the structure shows."""
HIDDEN = """SELECT oid::regclass FROM pg_class
WHERE relkind IN ('r', 'p') AND relrowsecurity AND row_security_active(oid) ORDER BY 1 LIMIT 5;
"""
"""The tables of which policies hide rows from the role: pg_dump refuses them, rather than save a part."""


ADDRESS = "postgresql://UTILISATEUR@HÔTE:PORT/NOM"


class PostgresDatabase:
    """A database behind `url`, which holds no password: that is in `password_file`."""

    def __init__(
        self, name: str, url: str, password_file: Path | None, account: str | None = None, *passed: int
    ) -> None:
        self.name, self.dump_name = name, f"{name}.pgdump"
        self.tools = ("pg_dump", "pg_restore")
        self.path, self.counts_rows = None, True
        self.client = Client(name, url, password_file, account, passed)
        self._copies = ServerCopies(self.client)

    def check(self, tick: Callable[[], None] = nothing) -> None:
        """BackupError where it cannot be reached or could not be restored: its structure is restored elsewhere to see.

        A session that our role cannot end is watched for some seconds: a restore would fail while it is there.
        """
        if self.client.ask(RIGHTS, tick, maintenance=MAINTENANCE) != ["t"]:
            raise BackupError(
                f"base « {self.name} » : son rôle doit en être propriétaire et pouvoir se connecter à la base"
                f" « {MAINTENANCE} » (GRANT CONNECT), qui doit en être une autre, sans quoi elle ne pourrait pas être"
                " restaurée"
            )
        self._check_that_a_restore_can_be_tried(tick)
        if kept := self.client.ask(KEPT, tick):
            raise BackupError(
                f"base « {self.name} » : le rôle de la plateforme ne pourrait pas en restaurer {', '.join(kept)} ;"
                " donnez-lui la propriété des grands objets, et ôtez les abonnements"
            )
        if hidden := self.client.ask(HIDDEN, tick):
            raise BackupError(
                f"base « {self.name} » : des règles de sécurité (ROW LEVEL SECURITY) cachent des lignes de"
                f" {', '.join(hidden)} au rôle de la plateforme, qui ne peut donc pas les sauvegarder ; faites-les"
                " ignorer de ce rôle (ALTER ROLE … BYPASSRLS, par un superutilisateur) ou du propriétaire de la table"
                " (ALTER TABLE … NO FORCE ROW LEVEL SECURITY)"
            )
        if standing := sessions.others(self.client, self.client.database, tick, SESSION_SECONDS):
            raise BackupError(f"base « {self.name} » : {sessions.in_use(standing)}")
        options = (*ONE_BY_ONE, f"--jobs={self.client.jobs(tick)}")
        rehearse(self.client, lambda to: self._dump(to, "--schema-only", tick=tick), options, tick)

    def _check_that_a_restore_can_be_tried(self, tick: Callable[[], None]) -> None:
        if in_place.is_needed(self.client, tick):
            try:
                programs_for(self.client, tick)
            except BackupError as error:
                raise BackupError(
                    f"base « {self.name} » : une restauration ne peut être essayée. Son rôle n'a pas le droit CREATEDB"
                    f" (ALTER ROLE … CREATEDB), et {error} ; donnez-lui ce droit, ou installez-le"
                ) from error

    def answers(self) -> bool:
        """Whether the server takes connections: after a power cut it replays its log first."""
        try:
            self.client.ask("SELECT 1;", database=MAINTENANCE)
        except BackupError:
            return False
        return True

    def size(self) -> int:
        """The bytes of its tables and indexes on the server; BackupError where it cannot be reached."""
        return int(self.client.ask("SELECT pg_database_size(current_database());")[0])

    def mark(self) -> int:
        """How many rows were ever written, as the server counts them: a little late, and rolled back ones too."""
        return int(self.client.ask(ROWS_WRITTEN)[0])

    def dumped(self, to: Path) -> int:
        """As many as such a dump usually stands for."""
        return COMPRESSION * bytes_in(to)

    def restored(self, facts: Facts) -> int:
        """Those on the server, asked of another database: a session in this one would stand in its own way."""
        try:
            found = self.client.ask(SIZE_NOW, database=MAINTENANCE, name=self.client.database)
        except BackupError:  # it is being made or dropped
            return 0
        return int(found[0]) if found else 0

    def files(self) -> frozenset[Path]:
        """None: the server keeps its files."""
        return frozenset()

    def dump(self, to: Path, tick: Callable[[], None], *, low_priority: bool) -> Facts:
        """One consistent state, taken while others read and write, into the new folder `to`.

        At low priority, while users work, it is compressed; while they wait, it is only written. BackupError where
        another session keeps a table locked.
        """
        self._dump(to, f"--compress={int(low_priority)}", tick=tick, low_priority=low_priority)
        return {"database": self.client.database}

    def load(self, dump: Path, tick: Callable[[], None]) -> None:
        """BackupError where the whole dump, rows and all, does not load into a database of its own.

        One table after the other: a row may ask for one of another table, and then two jobs may do or not.
        """
        load(self.client, dump, ONE_BY_ONE, tick)

    def way_back(self, tick: Callable[[], None]) -> str | None:
        """What stands in the way of a copy in the server."""
        return self._copies.look(tick).obstacle

    def keep(self, to: Path, tick: Callable[[], None]) -> Facts:
        """A copy in the server; where there can be none, a dump: `why_dumped` says why then."""
        found = self._copies.look(tick)
        why = found.obstacle
        if why is None:
            try:
                return self._copies.make(found, tick)
            except BackupError as error:
                why = str(error)
        return {**self.dump(to, tick, low_priority=False), WHY_DUMPED: why}

    def settle(self, facts: Facts, to: Path, tick: Callable[[], None]) -> Facts:
        """The copy of which `keep` gave these facts as a dump in `to`, with the statements that make its database."""
        self._copies.open(tick)
        self._dump(to, "--compress=1", tick=tick, low_priority=True, copied=facts)
        script = "\n".join((*facts[CREATION], ""))
        Path(f"{to}{SCRIPT}").write_text(script, encoding="utf-8", errors="surrogateescape")
        return {key: facts[key] for key in ("database", CREATION)}

    def forget(self, tick: Callable[[], None]) -> None:
        """Drop the copy that `keep` made, if there is one."""
        self._copies.forget(tick)

    def lacks(self, facts: Facts) -> str | None:
        """What a restore of these facts would miss in the server, in words."""
        if COPIED not in facts or self._copies.exists(facts, nothing):
            return None
        return f"la copie de la base « {self.name} » n'est plus dans son serveur"

    def is_as(self, facts: Facts) -> bool:
        """Never certain: the server keeps its files."""
        return False

    def prove(self, dump: Path, tick: Callable[[], None], *, thorough: bool) -> None:
        """`thorough` unpacks every row, else only the table of contents is read."""
        what = "--file=/dev/null" if thorough else "--list"
        self.client.read(dump, what, tick=tick, low_priority=thorough)

    def check_same(self, facts: Facts) -> None:
        """BackupError where it bore another name when it was dumped: it would come back there."""
        database = self.client.database
        if (former := facts.get("database", database)) != database:
            raise BackupError(
                f"base « {self.name} » : cette sauvegarde est celle de « {former} », et la configuration nomme"
                f" « {database} » ; redonnez à la base son ancien nom"
            )

    def restore(self, dump: Path, facts: Facts, tick: Callable[[], None], aside: str = "") -> list[Path]:
        """Move the present database aside, create it anew from the dump with all its properties, drop the old one; of a
        copy in the server, exchange their names. Where the server lets neither be, refill it where it is.

        As long as the old one is there under its other name, what bears the right name may be half restored: an
        attempt that was killed begins again by dropping it. Nobody else uses it: services are held stopped, other
        sessions are ended or waited for. BackupError as in `check_same`, before anything changes; and where a session
        stays that holds some of it, the present database being as it was.
        """
        self.check_same(facts)
        PostgresRestore(self.client, self._copies, self.settle).run(dump, facts, tick)
        return []

    def _dump(
        self,
        to: Path,
        *options: str,
        tick: Callable[[], None],
        low_priority: bool = False,
        copied: Facts | None = None,
    ) -> None:
        """Of the database, or of its copy of which `keep` gave the facts `copied`."""
        seconds = PATIENT_LOCK_SECONDS if low_priority else LOCK_SECONDS
        unlimited, present = self.client.ask_each((UNLIMITED, search_path.ASK), tick)
        common = (f"--jobs={jobs_of(unlimited)}", f"--lock-wait-timeout={seconds}s")
        name = self._copies.name if copied else None
        path = copied["search_path"] if copied else "\n".join(present)
        try:
            self.client.dump(to, *common, *options, database=name, tick=tick, low_priority=low_priority)
            search_path.keep(to, path)
        except BackupError as error:
            if "LOCK TABLE" not in str(error):  # the tool's own words are English; the server's are in any language
                raise
            raise BackupError(
                f"{error} ; si une autre session tient cette table verrouillée (attendue {seconds} secondes),"
                " fermez-la puis recommencez"
            ) from error


def of_table(table: DatabaseTable, account: str | None) -> PostgresDatabase | None:
    """The driver of a configured PostgreSQL database; ConfigurationError where its address holds the password.

    A server that knows its clients by their accounts sees the table's own, else `account`.
    """
    parts = urlsplit(table.url)
    if parts.scheme not in ("postgresql", "postgres") or not parts.path.strip("/"):
        return None
    if parts.password:
        raise ConfigurationError(
            f"base « {table.name} » : mettez son mot de passe dans un fichier (password_file), non dans l'adresse"
        )
    return PostgresDatabase(table.name, table.url, table.password_file, table.account or account)
