"""`python -m benchmarks postgres`: the ways to save and restore a PostgreSQL database, side by side in one run.

What docs/adr/0003-sauvegarde-postgresql.md chose by. The server runs with its durable defaults.
"""

import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from tests.support.postgres import Postgres, postgres_server

ROWS = 2_000_000
RUNS = 3
SOURCE, COPY = "source", "copie"
MB = 1e6
TABLES = f"""
CREATE TABLE sejour (id bigint PRIMARY KEY, entree date, sortie date, ghm text, montant numeric);
INSERT INTO sejour SELECT n, date '2020-01-01' + n % 2000, date '2020-01-05' + n % 2000, 'G' || n % 3000, n % 9973
    FROM generate_series(1, {ROWS}) AS n;
CREATE INDEX ON sejour (ghm);
CREATE TABLE acte (id bigint PRIMARY KEY, sejour bigint, code text, libelle text);
INSERT INTO acte SELECT n, n / 2, md5((n % 5000)::text), repeat(md5(n::text), 2)
    FROM generate_series(1, {2 * ROWS}) AS n;
CREATE INDEX ON acte (sejour);
"""  # noqa: S608 - constants


@dataclass(frozen=True)
class Dump:
    """One way to save: its options to pg_dump, and the numbers of jobs that its restore is tried with."""

    title: str
    options: tuple[str, ...]
    restores: tuple[int, ...] = ()


DUMPS = (
    Dump("`-Fc`", ("-Fc",)),
    Dump("`-Fc -Z1`", ("-Fc", "-Z1"), (1, 2)),
    Dump("`-Fd -j2 -Z1`", ("-Fd", "-j2", "-Z1"), (1, 2)),
    Dump("`-Fd -j2 -Z0`", ("-Fd", "-j2", "-Z0"), (2,)),
)


def main() -> int:
    """Measure every way, in turns, and print the medians."""
    with (
        tempfile.TemporaryDirectory(prefix="ospi-pg-") as folder,
        postgres_server(Path("/tmp/ospi-bench-pg"), ()) as server,  # noqa: S108 - a socket's path is short
    ):
        server.run("createdb", SOURCE)
        server.sql(SOURCE, TABLES)
        size = int(server.sql(SOURCE, f"SELECT pg_database_size('{SOURCE}')"))
        print(f"\nUne base de {size / MB:.0f} Mo, médianes de {RUNS} essais\n")
        seconds: dict[str, list[float]] = {}
        sizes: dict[str, int] = {}
        for _ in range(RUNS):
            for dump in DUMPS:
                _measure(server, dump, Path(folder), seconds, sizes)
            for strategy in ("wal_log", "file_copy"):
                title = f"copie par modèle ({strategy})"
                seconds.setdefault(title, []).append(_timed(server, "createdb", "-T", SOURCE, "-S", strategy, COPY))
                server.run("dropdb", COPY)
    print("| façon | durée (s) | taille (Mo) |\n|---|---|---|")
    for title, times in seconds.items():
        shown = f"{sizes[title] / MB:.0f}" if title in sizes else ""
        print(f"| {title} | {median(times):.1f} | {shown} |")
    return 0


def _measure(
    server: Postgres, dump: Dump, folder: Path, seconds: dict[str, list[float]], sizes: dict[str, int]
) -> None:
    """One dump, its proof and its restores."""
    folder.chmod(0o755)
    to = folder / "dump"
    command = ("-d", SOURCE, "-f", str(to), *dump.options)
    seconds.setdefault(dump.title, []).append(_timed(server, "pg_dump", *command))
    sizes[dump.title] = sum(path.stat().st_size for path in (to.iterdir() if to.is_dir() else [to]))
    for jobs in dump.restores:
        server.run("createdb", COPY)
        title = f"restauration de {dump.title}, `-j{jobs}`"
        seconds.setdefault(title, []).append(_timed(server, "pg_restore", "-d", COPY, f"-j{jobs}", str(to)))
        server.run("dropdb", COPY)
    shutil.rmtree(to) if to.is_dir() else to.unlink()


def _timed(server: Postgres, program: str, *arguments: str) -> float:
    began = time.monotonic()
    server.run(program, *arguments)
    return time.monotonic() - began
