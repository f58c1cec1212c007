"""The PostgreSQL databases of a twin: those of one real server are together in one private server."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ospi_supervisor.backup import creation
from ospi_supervisor.backup.inventory import Facts
from ospi_supervisor.backup.postgres import PostgresDatabase, of_table
from ospi_supervisor.backup.postgres_restore import COPIED, CREATION, ONE_BY_ONE
from ospi_supervisor.backup.psql import MAINTENANCE, Client
from ospi_supervisor.config.tables import DatabaseTable
from ospi_supervisor.errors import BackupError, NotRehearsedError
from ospi_supervisor.rehearsal.databases import Inside, Needs, Tick, UnloadableError
from ospi_supervisor.rehearsal.postgres_facts import facts_of, port_of
from ospi_supervisor.rehearsal.postgres_server import PrivateServer, first_database

PLACE = "/run/ospi-double"
CLUSTER_BYTES = 80 << 20
"""What a server weighs that has no database of anybody's."""
SLACK = 1.3
"""For its log, and what a sort writes."""
ANALYZE = "ANALYZE;\n"
"""The real one's plans are made of statistics too."""
COUNT = """SELECT format('SELECT %L || E''\\t'' || count(*) FROM ONLY %s', name, name)
FROM (SELECT format('%I.%I', nspname, relname) AS name FROM pg_class JOIN pg_namespace home ON home.oid = relnamespace
    WHERE relkind = 'r' AND nspname !~ '^pg_' AND nspname <> 'information_schema') AS tables ORDER BY name \\gexec
"""


@dataclass
class _Group:
    """The databases of one port; `server` is theirs in the twin, once it is prepared."""

    clients: list[Client] = field(default_factory=list)
    server: PrivateServer | None = None
    is_up: bool = False


@dataclass
class PostgresTwin:
    """One database; the first of its server that is prepared, and started, prepares and starts that."""

    database: PostgresDatabase
    group: _Group
    dump: Path = Path()
    facts: Facts = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Its name in the configuration."""
        return self.database.name

    def weight(self) -> int:
        """What the real one weighs now. NotRehearsedError where its server cannot be asked."""
        with _in_words():
            return int(SLACK * self.database.size()) + CLUSTER_BYTES

    def prepare(self, dump: Path, facts: Facts, place: Path, tick: Tick) -> Needs:
        """Only the real server is asked. NotRehearsedError where no other can stand for it, and why."""
        if COPIED in facts:
            raise NotRehearsedError(f"base « {self.name} » : sa sauvegarde n'est encore qu'une copie dans son serveur")
        self.dump, self.facts = dump, facts
        if self.group.server is not None:
            return Needs()
        with _in_words():
            server = facts_of(self.group.clients, tick)
        self.group.server = PrivateServer(server, place, Path(f"{PLACE}/postgresql-{server.port}"))
        return self.group.server.prepare()

    def start(self, inside: Inside, tick: Tick) -> Mapping[str, int]:
        """Load it whole. UnloadableError names the table and the cause where it does not load."""
        server = self.group.server
        if server is None:
            raise ValueError("it was not prepared")
        with _in_words(), server.reached() as client_of:
            if not self.group.is_up:
                server.start(inside, first_database(client_of, self.name), tick)
                self.group.is_up = True
            return self._load(client_of(self.name, self.database.client.database), tick)

    def _load(self, client: Client, tick: Tick) -> Mapping[str, int]:
        """One table after the other, as `PostgresDatabase.load` has it: a restore by several jobs may do or not."""
        self.database.check_same(self.facts)
        try:
            if CREATION in self.facts:
                client.ask(creation.script(*self.facts[CREATION]), tick, database=MAINTENANCE)
                client.load(self.dump, *ONE_BY_ONE, tick=tick, low_priority=True)
            else:
                making = ("--create", *ONE_BY_ONE)
                client.load(self.dump, *making, database=MAINTENANCE, tick=tick, low_priority=True)
        except BackupError as error:
            raise UnloadableError(f"la sauvegarde ne se recharge pas : {error}") from error
        counts = client.ask(f"{ANALYZE}{COUNT}", tick)
        found = (line.rpartition("\t") for line in counts)
        return {name: int(count) for name, _, count in found if name}


def of_tables(tables: Sequence[DatabaseTable], account: str | None) -> list[PostgresTwin]:
    """The twins of the PostgreSQL databases among `tables`. NotRehearsedError where an address says too little."""
    groups: dict[int, _Group] = {}
    found = []
    for database in filter(None, (of_table(table, account) for table in tables)):
        group = groups.setdefault(port_of(database.client), _Group())
        group.clients.append(database.client)
        found.append(PostgresTwin(database, group))
    return found


@contextmanager
def _in_words() -> Iterator[None]:
    try:
        yield
    except BackupError as error:
        raise NotRehearsedError(str(error)) from error
