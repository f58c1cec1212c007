"""A platform's data and the snapshots of it."""

import os
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

import pytest

from ospi_supervisor.backup.databases import make_databases
from ospi_supervisor.backup.inventory import Snapshot
from ospi_supervisor.backup.listing import COARSEST_CLOCK_NS
from ospi_supervisor.backup.postgres import PostgresDatabase
from ospi_supervisor.backup.restore import RestoreReport
from ospi_supervisor.backup.snapshots import Snapshots
from ospi_supervisor.config.tables import DatabaseTable
from tests.backup.trees import ODD_NAMES, State, add_oddities, fill, state_of
from tests.support.postgres import QUICK, Postgres, postgres_server
from tests.support.system import unavailable

COMPANIONS = ("portail.db", "portail.db-wal", "portail.db-shm")

SCHEMA = """
CREATE SCHEMA pmsi;
CREATE TABLE pmsi.sejour (id serial PRIMARY KEY, nom text NOT NULL, montant numeric(10,2), octets bytea);
CREATE INDEX ON pmsi.sejour (nom);
CREATE VIEW pmsi.total AS SELECT count(*) AS nombre, sum(montant) AS somme FROM pmsi.sejour;
CREATE FUNCTION pmsi.double(n int) RETURNS int LANGUAGE sql AS 'SELECT 2 * n';
INSERT INTO pmsi.sejour (nom, montant, octets)
    SELECT 'séjour ' || n, n / 100.0, decode(md5(n::text), 'hex') FROM generate_series(1, 20000) n;
SELECT lo_from_bytea(0, 'un grand objet');
"""


def nothing() -> None:
    """Nobody waits."""


@dataclass
class Hospital:
    """A data folder, a SQLite database in it, and where its snapshots lie."""

    root: Path
    percents: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.data = self.root / "données"
        self.data.mkdir(parents=True)
        self.database = self.data / "portail.db"
        self.backups = self.root / "sauvegardes"
        self.snapshots = self.open()

    def open(self, keep: int = 2) -> Snapshots:
        """The snapshots, as another process would open them."""
        databases = make_databases([DatabaseTable(name="portail", url=f"sqlite://{self.database}")])
        return Snapshots(self.backups, [self.data], databases if self.database.exists() else [], keep)

    def make_database(self, rows: int) -> None:
        """A database in WAL mode, as web applications use it."""
        with closing(sqlite3.connect(self.database)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("CREATE TABLE sejour (id INTEGER PRIMARY KEY, nom TEXT)")
            connection.execute("CREATE INDEX nom ON sejour (nom)")
            connection.executemany("INSERT INTO sejour (nom) VALUES (?)", [(f"séjour {n}",) for n in range(rows)])
            connection.commit()
        self.snapshots = self.open()

    def age(self) -> None:
        """Wait until what was written has times of its own, whatever is written later."""
        time.sleep(COARSEST_CLOCK_NS / 1e9 + 0.1)

    def add_row(self) -> None:
        """Somebody's work."""
        with closing(sqlite3.connect(self.database)) as connection:
            connection.execute("INSERT INTO sejour (nom) VALUES ('après')")
            connection.commit()

    def rows(self) -> int:
        """How many rows the database has."""
        with closing(sqlite3.connect(self.database)) as connection:
            return int(connection.execute("SELECT count(*) FROM sejour").fetchone()[0])

    def full(self, name: str = "complete", check: Callable[[], None] = lambda: None) -> Snapshot:
        """Take a full snapshot."""
        return self.snapshots.take_full(name, "11.5.0", progress=self.percents.append, check=check)

    def increment(self, name: str = "arret", base: str = "complete") -> Snapshot:
        """Take an increment."""
        return self.snapshots.take_increment(base, name, "11.5.0", progress=self.percents.append, check=lambda: None)

    def restore(self, name: str = "arret", *, trust_times: bool = False) -> RestoreReport:
        """Restore a snapshot."""
        return self.snapshots.restore(name, progress=self.percents.append, trust_times=trust_times)


def files_of(hospital: Hospital) -> State:
    """The folder's state without the database, which is compared by its rows; its coming and going moves one time."""
    state = {name: facts for name, facts in state_of(hospital.data).items() if name not in COMPANIONS}
    return state if not hospital.database.exists() else state | {".": ()}


def migrate(hospital: Hospital) -> None:
    """What a migration may do to files: change, remove, add, swap kinds, change modes, unlink one of two names."""
    data = hospital.data
    (data / "service 0" / "dossier-1.dat").write_text("migré")
    (data / "service 0" / "dossier-2.dat").chmod(0o777)
    (data / "service 0" / "dossier-3.dat").unlink()
    shutil.rmtree(data / "service 1")
    (data / "service 1").write_text("un fichier à la place d'un dossier")
    (data / "second").unlink()
    (data / "second").mkdir()
    (data / "second" / "nouveau").write_text("nouveau")
    (data / "premier").write_text("migré")
    (data / "lien").unlink()
    (data / "lien").symlink_to("/ailleurs")
    (data / "vide").rename(data / "plein")
    (data / os.fsdecode(ODD_NAMES[1])).write_text("migré")
    os.utime(data / "service 0" / "dossier-4.dat", ns=(1, 1))


@contextmanager
def mounted(*arguments: str) -> Iterator[None]:
    """A real mount, whose place is the last of `arguments`. Fails under CI, else skips, where none can be made."""
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        unavailable(f"nothing can be mounted here: {done.stderr}")
    try:
        yield
    finally:
        subprocess.run(["umount", arguments[-1]], check=True)


@pytest.fixture
def hospital(tmp_path: Path) -> Hospital:
    return Hospital(tmp_path / "hôpital")


@pytest.fixture
def busy(hospital: Hospital) -> Hospital:
    fill(hospital.data, 500)
    add_oddities(hospital.data)
    hospital.make_database(5000)
    return hospital


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    with TemporaryDirectory(prefix="ospi-pg-") as name:  # a socket's path is short
        Path(name).chmod(0o711)  # the server's account must reach its folder
        with postgres_server(Path(name) / "pg", (*QUICK, "max_prepared_transactions=2")) as server:
            yield server


class Case:
    """A database of the platform's role, its driver and its dump."""

    def __init__(self, server: Postgres, name: str, folder: Path, options: str = "") -> None:
        self.server, self.name = server, name
        self.secret, self.to = folder / "mot-de-passe", folder / "copie.pgdump"
        self.secret.write_text(server.password + "\n", encoding="utf-8")
        server.sql("postgres", f'CREATE DATABASE "{name}" OWNER plateforme {options}')
        self.change(SCHEMA)
        server.sql("postgres", f"ALTER DATABASE \"{name}\" SET work_mem TO '7MB'")
        self.driver = PostgresDatabase("pmsi", server.url(quote(name)), self.secret)

    def change(self, sql: str) -> None:
        self.server.sql(self.name, f"SET ROLE plateforme; {sql}")

    def contents(self) -> str:
        """All that the database is: its properties, its schema and its rows, in a form that compares."""
        dump = self.server.run("pg_dump", "--create", "--inserts", "-d", self.name)
        random_words = ("\\restrict", "\\unrestrict")
        return "\n".join(sorted(line for line in dump.splitlines() if not line.startswith(random_words)))

    @contextmanager
    def session(self, sql: str, user: str = "proprietaire") -> Iterator[None]:
        """Somebody's session on the database, idle after `sql` while the block runs."""
        address = ["-h", str(self.server.folder), "-p", str(self.server.port), "-U", user, "-d", self.name]
        with subprocess.Popen(["psql", "-XqAt", *address], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as psql:
            assert psql.stdin is not None
            assert psql.stdout is not None
            psql.stdin.write(f"{sql};\n\\echo là\n".encode())
            psql.stdin.flush()
            assert psql.stdout.readline() == "là\n".encode()
            try:
                yield
            finally:
                psql.kill()

    def databases(self) -> set[str]:
        return set(self.server.sql("postgres", "SELECT datname FROM pg_database").splitlines())


@pytest.fixture
def case(postgres: Postgres, tmp_path: Path) -> Iterator[Case]:
    case = Case(postgres, "pmsi d'essai", tmp_path)
    yield case
    for name in case.databases() - {"postgres", "template0", "template1"}:
        postgres.sql("postgres", f'DROP DATABASE "{name}" WITH (FORCE)')
