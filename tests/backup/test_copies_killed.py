"""A copy inside the server, and the exchange with it, killed at any instant: the next attempt sees how far it was."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import psutil
import pytest

from tests.backup.conftest import Case, nothing
from tests.backup.test_copies import MIGRATED, owned

__all__ = ["owned"]

pytestmark = pytest.mark.system

DONE = -1
COPIED = "EXISTS (SELECT FROM pg_database WHERE datname = 'pmsi d''essai_ospi_arret')"
EXCHANGED = f"NOT {COPIED}"
WATCH = "DO $$ BEGIN FOR n IN 1..60000 LOOP EXIT WHEN {}; PERFORM pg_sleep(0.001); END LOOP; END $$"
WAY_BACK = """
import json, sys
from pathlib import Path
from ospi_supervisor.backup.postgres import PostgresDatabase
database = PostgresDatabase("pmsi", sys.argv[1], Path(sys.argv[2]))
print("prêt", flush=True)
if sys.argv[3] == "make":
    database.keep(Path(sys.argv[4]), lambda: None)
else:
    database.restore(Path(sys.argv[4]), json.loads(sys.argv[3]), lambda: None)
"""


@pytest.mark.parametrize(
    "instant", [2, 4, DONE, pytest.param(1, marks=pytest.mark.full), pytest.param(3, marks=pytest.mark.full)]
)
def test_killed_at_any_instant_it_ends_exact_when_it_is_called_again(owned: Case, instant: int) -> None:
    """When the exchange begins, when a copy begins, when either is done; when the database is closed for them."""
    before, names = owned.contents(), owned.databases()
    killed_at(owned, "make", instant)
    owned.driver.forget(nothing)
    assert (owned.contents(), owned.databases()) == (before, names)
    facts = owned.driver.keep(owned.to, nothing)
    owned.change(MIGRATED)
    killed_at(owned, facts, instant)
    owned.driver.restore(owned.to, facts, nothing)
    assert (owned.contents(), owned.databases()) == (before, names)


def test_a_copy_that_the_server_still_makes_for_a_killed_worker_is_ended(case: Case) -> None:
    names = case.databases()
    env = {**os.environ, "PGPASSWORD": case.server.password}
    make = f'CREATE DATABASE "{case.name}_ospi_arret" TEMPLATE "{case.name}"'
    wait = f'SELECT pg_sleep(600) AS "{case.name}_ospi_arret"'
    with subprocess.Popen(["psql", "-Xq", case.server.url("postgres"), "-c", make, "-c", wait], env=env) as psql:
        asked = (
            "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600) AS%' AND pid <> pg_backend_pid()"
        )
        while case.server.sql("postgres", asked) == "0":
            assert psql.poll() is None
        psql.kill()
    case.driver.forget(nothing)
    assert case.server.sql("postgres", asked) == "0"
    assert case.databases() == names


def test_an_exchange_that_the_server_still_commits_for_a_killed_worker_is_seen(case: Case) -> None:
    names = case.databases()
    facts = case.driver.keep(case.to, nothing)
    case.change("DELETE FROM pmsi.sejour")
    settings(case, "SET synchronous_standby_names = 'personne'")
    exchange = f"""BEGIN; ALTER DATABASE "{case.name}" RENAME TO "{case.name}_ospi_avant_restauration";
        ALTER DATABASE "{case.name}_ospi_arret" RENAME TO "{case.name}"; SET LOCAL synchronous_commit = on;
        ALTER DATABASE "{case.name}" ALLOW_CONNECTIONS true;\nCOMMIT;\n"""
    env = {**os.environ, "PGPASSWORD": case.server.password}
    began = time.monotonic()

    def tick() -> None:
        assert time.monotonic() - began < 60, "it waits for what nobody ends"

    try:
        with subprocess.Popen(["psql", "-Xq", case.server.url("postgres")], env=env, stdin=subprocess.PIPE) as psql:
            assert psql.stdin is not None
            psql.stdin.write(exchange.encode())
            psql.stdin.flush()
            waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
            while case.server.sql("postgres", waits) == "0":
                assert psql.poll() is None
            psql.kill()
        case.driver.restore(case.to, facts, tick)
    finally:
        settings(case, "RESET synchronous_standby_names")
    assert case.databases() == names
    assert case.server.sql(case.name, "SELECT nombre FROM pmsi.total") == "20000"


def settings(case: Case, change: str) -> None:
    """Change a setting of the whole server."""
    case.server.sql("postgres", f"ALTER SYSTEM {change}")
    case.server.sql("postgres", "SELECT pg_reload_conf()")


@contextmanager
def told_of(case: Case, condition: str) -> Iterator[Callable[[], bool]]:
    """Whether the server met the condition by now: it is looked at each millisecond."""
    address = ["-h", str(case.server.folder), "-p", str(case.server.port), "-U", "proprietaire", "-d", "postgres"]
    with subprocess.Popen(["psql", "-Xq", *address, "-c", WATCH.format(condition)]) as psql:
        yield lambda: psql.poll() is not None


def killed_at(case: Case, what: str | dict[str, Any], instant: int) -> None:
    """Run one way in a process of its own, and kill it once it has started so many programs and one more; or once the
    server has `DONE` what it is for."""
    argument = what if isinstance(what, str) else json.dumps(what)
    command = [sys.executable, "-c", WAY_BACK, case.server.url("pmsi%20d'essai"), str(case.secret), argument]
    seen: set[int] = set()
    with (
        told_of(case, COPIED if what == "make" else EXCHANGED)
        if instant == DONE
        else nullcontext(lambda: len(seen) > instant) as is_time,
        subprocess.Popen([*command, str(case.to)], stdout=subprocess.PIPE) as process,
    ):
        assert process.stdout is not None
        assert process.stdout.readline()
        while process.poll() is None and not is_time():
            seen |= {child.pid for child in psutil.Process(process.pid).children()}
        children = psutil.Process(process.pid).children() if process.poll() is None else []
        process.send_signal(signal.SIGKILL)
    psutil.wait_procs(children, timeout=10)
