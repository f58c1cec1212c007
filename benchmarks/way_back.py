"""`python -m benchmarks way-back`: what the way back of a migration costs, before ADR 7 and after it, side by side.

Databases of 3 GB, untouched since the backup and with 1 % of them changed. `checkpoint` and undo are what the phases
call; what was before is run from the program of then, which git has.
"""

import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.former import HERE, former_program
from tests.support.clonable import clonable_disk
from tests.support.postgres import postgres_server

BEFORE = "693095d"
"""The last commit whose checkpoint dumped every database."""
MEGABYTES = 3000
DISK_MEGABYTES = 40_000
SETTLED_SECONDS = 2.5
STEP = """
import json, sys, time
from pathlib import Path
from ospi_supervisor.backup.databases import make_databases
from ospi_supervisor.backup.snapshots import Snapshots
try:
    from ospi_supervisor.config.tables import DatabaseTable
except ModuleNotFoundError:  # then
    from ospi_supervisor.config import DatabaseTable
folder, table, step = Path(sys.argv[1]), json.loads(sys.argv[2]), sys.argv[3]
if table.get("password_file"):
    table["password_file"] = Path(table["password_file"])
snapshots = Snapshots(folder, [], make_databases([DatabaseTable(**table)]), 9)
def nothing(*_): pass
began = time.monotonic()
if step == "full":
    snapshots.take_full("full", "1.0", progress=nothing, check=nothing)
elif step == "checkpoint":
    snapshots.take_increment("full", "checkpoint", "1.0", progress=nothing, check=nothing)
elif step == "undo":
    snapshots.restore("checkpoint", progress=nothing, trust_times=True)
elif step == "restore":
    snapshots.restore("full", progress=nothing)
else:
    snapshots.drop("checkpoint"), snapshots.drop("full")
print(time.monotonic() - began)
"""


@dataclass(frozen=True)
class Database:
    """One database: how it is declared, and how SQL is given to it; `folder` is where its snapshots go."""

    title: str
    table: dict[str, str]
    folder: Path
    sql: Callable[[str], object]


def main() -> int:
    """Measure each database in both states, with both programs, and print the table."""
    print(f"\nBases de {MEGABYTES} Mo ; secondes, avant puis après\n")
    print("| base | depuis la sauvegarde | `checkpoint` | retour | retour / restauration |\n|---|---|---|---|---|")
    with (
        former_program(BEFORE, "ospi_supervisor") as former,
        tempfile.TemporaryDirectory(prefix="ospi-retour-", dir="/var/tmp") as name,
    ):
        for make in (_postgres, _sqlite, _sqlite_cloned):
            with make(Path(name)) as database:
                for change in (None, "UPDATE acte SET libelle = libelle || 'x' WHERE id % 100 = 0"):
                    print(_row(database, change, former), flush=True)
    return 0


def _row(database: Database, change: str | None, former: Path) -> str:
    before, after = (_measure(database, change, program) for program in (former, HERE))
    state = "intacte" if change is None else "1 % changé"
    seconds = " | ".join(f"{before[step]:.1f} → **{after[step]:.1f}**" for step in ("checkpoint", "undo"))
    return f"| {database.title} | {state} | {seconds} | {after['undo'] / after['restore']:.2f} |"


def _measure(database: Database, change: str | None, program: Path) -> dict[str, float]:
    """The seconds of each step; the database is as it was afterwards."""
    taken = {}
    for step in ("full", "checkpoint", "undo", "restore", "drop"):
        if step == "full":
            time.sleep(SETTLED_SECONDS)
        if step == "checkpoint" and change:
            database.sql(change)
            time.sleep(SETTLED_SECONDS)
        if step == "undo":
            database.sql("DELETE FROM acte WHERE id % 50 = 0")
        command = [sys.executable, "-c", STEP, str(database.folder), json.dumps(database.table), step]
        env = {**os.environ, "PYTHONPATH": str(program)}
        done = subprocess.run(command, env=env, cwd=program, check=True, stdout=subprocess.PIPE, text=True)
        taken[step] = float(done.stdout)
    return taken


@contextmanager
def _postgres(folder: Path) -> Iterator[Database]:
    with postgres_server(Path("/var/tmp/ospi-retour-pg"), ()) as server:  # noqa: S108 - a socket's path is short
        secret = folder / "secret"
        secret.write_text(server.password, encoding="utf-8")
        server.sql("postgres", "CREATE DATABASE actes OWNER plateforme")
        rows = f"SELECT n, repeat(md5(n::text), 31) FROM generate_series(1, {MEGABYTES * 940}) AS n"  # noqa: S608
        server.sql("actes", "SET ROLE plateforme; CREATE TABLE acte (id bigint PRIMARY KEY, libelle text)")
        server.sql("actes", f"SET ROLE plateforme; INSERT INTO acte {rows}")
        table = {"name": "actes", "url": server.url("actes"), "password_file": str(secret)}
        yield Database("PostgreSQL", table, folder / "pg", lambda sql: server.sql("actes", sql))


@contextmanager
def _sqlite(folder: Path) -> Iterator[Database]:
    yield _made(folder, "SQLite")


@contextmanager
def _sqlite_cloned(folder: Path) -> Iterator[Database]:
    with ExitStack() as stack:
        yield _made(stack.enter_context(clonable_disk(folder / "xfs", DISK_MEGABYTES)), "SQLite sur XFS")


def _made(folder: Path, title: str) -> Database:
    file = folder / "actes.db"

    def sql(statement: str) -> None:
        with closing(sqlite3.connect(file)) as connection:
            connection.execute(statement)
            connection.commit()

    sql("CREATE TABLE acte (id INTEGER PRIMARY KEY, libelle TEXT)")
    most = MEGABYTES * 480
    numbers = f"WITH RECURSIVE n (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < {most})"  # noqa: S608
    sql(f"INSERT INTO acte {numbers} SELECT id, hex(randomblob(1000)) FROM n")  # noqa: S608 - a constant
    return Database(title, {"name": "actes", "url": f"sqlite://{file}"}, folder / "snapshots", sql)


if __name__ == "__main__":
    sys.exit(main())
