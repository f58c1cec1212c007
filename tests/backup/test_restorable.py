"""What would make a PostgreSQL restore fail is told while an update can still be refused, and leaves nothing behind."""

import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ospi_supervisor.backup import postgres as postgres_module
from ospi_supervisor.backup import sessions
from ospi_supervisor.errors import BackupError, CancelledError
from tests.backup.conftest import Case, nothing
from tests.support.postgres import Postgres

pytestmark = pytest.mark.system

DEAD = 2**22 + 1
"""No process has so high a number."""


@pytest.fixture
def roles(postgres: Postgres) -> Iterator[None]:
    """Another role, and a superuser who watches."""
    postgres.sql("postgres", "CREATE ROLE autre; CREATE ROLE supervision LOGIN SUPERUSER")
    yield
    for database in postgres.sql("postgres", "SELECT datname FROM pg_database WHERE datallowconn").splitlines():
        postgres.sql(database, "DROP OWNED BY autre, supervision")
    postgres.sql("postgres", "DROP ROLE autre, supervision")


def test_what_can_be_restored_is_said_so_and_the_trial_leaves_nothing(case: Case) -> None:
    before, names = case.contents(), case.databases()
    case.driver.check()
    assert (case.contents(), case.databases()) == (before, names)


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("CREATE EXTENSION pg_stat_statements", "permission denied to create extension .* superutilisateur"),
        ("CREATE TABLE leur (x int); ALTER TABLE leur OWNER TO autre; GRANT ALL ON leur TO plateforme", '"autre"'),
        ('ALTER DATABASE "pmsi d\'essai" SET log_min_duration_statement TO 1000', "log_min_duration_statement"),
        ("ALTER ROLE autre IN DATABASE \"pmsi d'essai\" SET work_mem TO '7MB'", "permission denied"),
        ("CREATE PUBLICATION tout FOR ALL TABLES WITH (publish = 'insert')", "publication"),
        ("SELECT lo_create(4242)", "LARGE OBJECT 4242 ; donnez-lui la propriété"),
        ("PREPARE TRANSACTION 'oubliée'", "PREPARE TRANSACTION oubliée"),
        ('ALTER DATABASE "pmsi d\'essai" OWNER TO autre', "son rôle doit en être propriétaire"),
        ("REVOKE CONNECT ON DATABASE postgres FROM PUBLIC", "GRANT CONNECT"),
    ],
)
def test_what_a_restore_would_lack_is_said_before(
    roles: None, case: Case, sql: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_module, "SESSION_SECONDS", 0.5)
    names = case.databases()
    begin = "BEGIN; CREATE TABLE oubliee (); " if sql.startswith("PREPARE") else ""
    case.server.sql(case.name, begin + sql)
    try:
        with pytest.raises(BackupError, match=rf"base « pmsi » : .*{words}"):
            case.driver.check()
        assert case.databases() == names
    finally:
        if begin:
            case.server.sql(case.name, "ROLLBACK PREPARED 'oubliée'")
        case.server.sql("postgres", "GRANT CONNECT ON DATABASE postgres TO PUBLIC")


def test_a_session_that_cannot_be_ended_is_named_before(
    roles: None, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_module, "SESSION_SECONDS", 1)
    with (
        case.session("BEGIN", user="supervision"),
        pytest.raises(BackupError, match=r"session \d+ : supervision \(psql\).* fermez ces sessions"),
    ):
        case.driver.check()


def test_a_short_session_and_our_own_do_not_matter(roles: None, case: Case) -> None:
    with case.session("SET ROLE plateforme", user="supervision"):
        closing = threading.Timer(1, case.server.sql, ("postgres", end_sessions("supervision")))
        closing.start()
        case.driver.check()
        closing.join()


def end_sessions(role: str) -> str:
    return f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{role}'"  # noqa: S608


def test_a_restore_waits_for_a_session_that_it_cannot_end(roles: None, case: Case) -> None:
    before = case.contents()
    case.driver.dump(case.to, nothing, low_priority=False)
    case.change("DROP VIEW pmsi.total")
    with case.session("BEGIN", user="supervision"):
        closing = threading.Timer(7, case.server.sql, ("postgres", end_sessions("supervision")))
        closing.start()
        case.driver.restore(case.to, {}, nothing)
        closing.join()
    assert case.contents() == before


def test_where_that_session_holds_a_table_the_database_is_as_it_was_and_open(
    roles: None, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "WAIT_SECONDS", 1)
    case.change("GRANT USAGE ON SCHEMA pmsi TO supervision; GRANT SELECT ON pmsi.sejour TO supervision")
    before, names = case.contents(), case.databases()
    case.driver.dump(case.to, nothing, low_priority=False)
    with case.session("BEGIN; LOCK TABLE pmsi.sejour IN ACCESS SHARE MODE", user="supervision"):
        with pytest.raises(BackupError, match=r"session \d+ : supervision"):
            case.driver.restore(case.to, {}, nothing)
        assert (case.contents(), case.databases()) == (before, names)
    case.driver.restore(case.to, {}, nothing)
    assert (case.contents(), case.databases()) == (before, names)


def test_a_program_that_always_comes_back_does_not_stop_a_restore(case: Case) -> None:
    before = case.contents()
    case.driver.dump(case.to, nothing, low_priority=False)
    stop = threading.Event()
    env = {**os.environ, "PGPASSWORD": case.server.password}
    command = ["psql", "-Xq", case.server.url("pmsi%20d'essai"), "-c", "SELECT pg_sleep(600)"]

    def come_back() -> None:
        while not stop.is_set():
            with subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as session:
                while session.poll() is None and not stop.wait(0.01):
                    continue
                session.kill()

    pool = [threading.Thread(target=come_back) for _ in range(3)]
    for thread in pool:
        thread.start()
    try:
        case.driver.restore(case.to, {}, nothing)
    finally:
        stop.set()
        for thread in pool:
            thread.join()
    assert case.contents() == before


def test_what_a_killed_trial_left_is_dropped_and_what_another_makes_is_not(case: Case) -> None:
    left, made = (f"{case.name}_ospi_essai_{number}" for number in (DEAD, os.getppid()))
    for name in (left, made):
        case.server.sql("postgres", f'CREATE DATABASE "{name}" OWNER plateforme')
    case.driver.check()
    assert case.databases() & {left, made} == {made}


def test_a_cancelled_trial_leaves_nothing(case: Case) -> None:
    case.change("DO $$ BEGIN FOR n IN 1..300 LOOP EXECUTE format('CREATE TABLE t%s (x serial)', n); END LOOP; END $$")
    names = case.databases()

    def cancel() -> None:
        if any("_ospi_essai_" in name for name in case.databases()):
            raise CancelledError("annulée")

    with pytest.raises(CancelledError):
        case.driver.check(cancel)
    assert case.databases() == names


@pytest.mark.parametrize("name", ["b" * 63, "é" * 30])
def test_however_long_its_name_a_database_is_tried_out_and_a_failed_restore_taken_up(
    postgres: Postgres, tmp_path: Path, name: str
) -> None:
    case = Case(postgres, name, tmp_path)
    case.driver.check()
    before, names = case.contents(), case.databases()
    case.driver.dump(case.to, nothing, low_priority=False)
    broken = shutil.copytree(case.to, tmp_path / "abîmée")
    for part in broken.glob("[0-9]*.dat"):
        part.write_bytes(b"rien de lisible")
    with pytest.raises(BackupError, match="base « pmsi »"):
        case.driver.restore(broken, {}, nothing)
    case.driver.restore(case.to, {}, nothing)
    assert (case.contents(), case.databases()) == (before, names)
    postgres.sql("postgres", f'DROP DATABASE "{name}"')


def test_texts_of_any_encoding_are_tried_out_and_obeyed_by_nobody(case: Case, tmp_path: Path) -> None:
    witness = tmp_path / "obéi"
    old = Case(case.server, "ancienne", tmp_path, "ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    comment = f"à l''été\n\\! touch {witness}\nà \\! touch {witness}"
    old.server.sql(
        "postgres",
        f"COMMENT ON DATABASE ancienne IS '{comment}'; ALTER DATABASE ancienne SET search_path TO 'é', public",
    )
    old.driver.check()
    assert not witness.exists()
