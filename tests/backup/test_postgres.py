"""A PostgreSQL database comes back exactly, whatever a migration or a killed restore did to it."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from ospi_supervisor.backup import postgres as postgres_module
from ospi_supervisor.backup.databases import make_databases, wait_for_databases
from ospi_supervisor.backup.postgres import PostgresDatabase
from ospi_supervisor.backup.snapshots import Snapshots
from ospi_supervisor.config.tables import DatabaseTable
from ospi_supervisor.errors import BackupError
from tests.backup.conftest import Case, nothing

pytestmark = pytest.mark.system

MIGRATION = """
ALTER TABLE pmsi.sejour ADD COLUMN service text;
DELETE FROM pmsi.sejour WHERE id % 2 = 0;
DROP VIEW pmsi.total;
CREATE TABLE nouvelle (id int);
CREATE SCHEMA migre;
"""
RESTORE = """
import sys
from pathlib import Path
from ospi_supervisor.backup.postgres import PostgresDatabase
database = PostgresDatabase("pmsi", sys.argv[1], Path(sys.argv[2]))
print("prêt", flush=True)
database.restore(Path(sys.argv[3]), {}, lambda: None)
"""


def test_a_migrated_database_comes_back_exactly(case: Case) -> None:
    before, names = case.contents(), case.databases()
    facts = case.driver.dump(case.to, nothing, low_priority=True)
    case.driver.prove(case.to, nothing, thorough=True)
    case.change(MIGRATION)
    case.server.sql("postgres", f"ALTER DATABASE \"{case.name}\" SET work_mem TO '9MB'")
    assert case.contents() != before
    for _ in range(2):
        case.driver.restore(case.to, facts, nothing)
        assert case.contents() == before
        assert case.databases() == names


def test_a_database_that_is_gone_comes_back(case: Case) -> None:
    before = case.contents()
    case.driver.dump(case.to, nothing, low_priority=False)
    case.server.sql("postgres", f'DROP DATABASE "{case.name}"')
    case.driver.restore(case.to, {}, nothing)
    assert case.contents() == before


def test_a_forgotten_session_does_not_stop_a_restore(case: Case) -> None:
    case.driver.dump(case.to, nothing, low_priority=False)
    env = {**os.environ, "PGPASSWORD": case.server.password}
    address = case.server.url(case.name.replace(" ", "%20"))
    with subprocess.Popen(
        ["psql", "-Xq", address, "-c", "SELECT 'là'", "-c", "SELECT pg_sleep(600)"],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as session:
        assert session.stdout is not None
        assert session.stdout.readline()
        case.driver.restore(case.to, {}, nothing)
        assert session.wait(10) != 0


def test_a_restore_killed_at_any_instant_ends_exact_when_it_is_called_again(case: Case) -> None:
    before, names = case.contents(), case.databases()
    case.driver.dump(case.to, nothing, low_priority=False)
    began = time.monotonic()
    case.driver.restore(case.to, {}, nothing)
    whole = time.monotonic() - began
    command = [
        sys.executable,
        "-c",
        RESTORE,
        case.server.url(case.name.replace(" ", "%20")),
        str(case.secret),
        str(case.to),
    ]
    killed = 0
    for attempt in range(5):
        case.change(MIGRATION)
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stdout.readline()
            time.sleep(whole * attempt / 5)
            children = psutil.Process(process.pid).children(recursive=True)
            process.kill()
            killed += process.wait() != 0
        _, alive = psutil.wait_procs(children, timeout=5)
        assert not alive, "a child outlived its worker"
        case.driver.restore(case.to, {}, nothing)
        assert case.contents() == before
        assert case.databases() == names
    assert killed >= 3


def test_the_present_database_stays_until_a_restore_is_complete(case: Case) -> None:
    case.driver.dump(case.to, nothing, low_priority=False)
    case.change(MIGRATION)
    migrated = case.contents()
    for part in case.to.glob("[0-9]*.dat"):
        part.write_bytes(b"rien de lisible")
    with pytest.raises(BackupError, match="base « pmsi »"):
        case.driver.restore(case.to, {}, nothing)
    aside = f"{case.name}_ospi_avant_restauration"
    case.server.sql("postgres", f'DROP DATABASE "{case.name}"')
    case.server.sql("postgres", f'ALTER DATABASE "{aside}" RENAME TO "{case.name}"')
    case.server.sql("postgres", f'ALTER DATABASE "{case.name}" ALLOW_CONNECTIONS true')
    assert case.contents() == migrated


def test_a_dump_is_one_state_while_others_write(case: Case) -> None:
    stop = threading.Event()

    def transfer() -> None:
        while not stop.is_set():
            case.change("UPDATE pmsi.sejour SET montant = montant + CASE id WHEN 1 THEN 1 ELSE -1 END WHERE id <= 2")

    total = case.server.sql(case.name, "SELECT somme FROM pmsi.total")
    writer = threading.Thread(target=transfer)
    writer.start()
    try:
        case.driver.dump(case.to, nothing, low_priority=True)
    finally:
        stop.set()
        writer.join()
    case.driver.restore(case.to, {}, nothing)
    assert case.server.sql(case.name, "SELECT somme FROM pmsi.total") == total


@pytest.mark.parametrize("low_priority", [True, False])
def test_a_table_that_somebody_keeps_locked_is_waited_for_so_long(
    case: Case, monkeypatch: pytest.MonkeyPatch, low_priority: bool
) -> None:
    monkeypatch.setattr(postgres_module, "PATIENT_LOCK_SECONDS" if low_priority else "LOCK_SECONDS", 1)
    with case.session("BEGIN; LOCK TABLE pmsi.sejour"):
        began = time.monotonic()
        with pytest.raises(BackupError, match=r"LOCK TABLE pmsi.sejour .* \(attendue 1 secondes\), fermez-la"):
            case.driver.dump(case.to, nothing, low_priority=low_priority)
        assert time.monotonic() - began < 60


def test_a_damaged_dump_is_found(case: Case) -> None:
    case.driver.dump(case.to, nothing, low_priority=False)
    (case.to / "toc.dat").write_bytes(b"x")
    with pytest.raises(BackupError):
        case.driver.prove(case.to, nothing, thorough=False)


def test_a_database_renamed_since_its_dump_is_left_alone(case: Case) -> None:
    facts = case.driver.dump(case.to, nothing, low_priority=False)
    case.server.sql("postgres", f'ALTER DATABASE "{case.name}" RENAME TO pmsi_neuf')
    before = case.databases()
    renamed = PostgresDatabase("pmsi", case.server.url("pmsi_neuf"), case.secret)
    with pytest.raises(BackupError, match="celle de « pmsi d'essai »"):
        renamed.restore(case.to, facts, nothing)
    assert case.databases() == before


def test_a_wrong_password_is_an_error_and_no_password_is_shown(case: Case) -> None:
    case.secret.write_text("faux-secret")
    with pytest.raises(BackupError, match="base « pmsi »") as caught:
        case.driver.check()
    assert "faux-secret" not in str(caught.value)


def test_a_stopped_server_is_an_error(case: Case) -> None:
    case.server.control("stop", "-m", "fast")
    try:
        with pytest.raises(BackupError, match="base « pmsi »"):
            case.driver.size()
    finally:
        case.server.start()


def test_a_server_that_boots_is_waited_for_before_an_update_is_taken_up(case: Case, tmp_path: Path) -> None:
    case.server.control("stop", "-m", "fast")
    assert not case.driver.answers()
    started: list[float] = []

    def start() -> None:
        time.sleep(1)
        started.append(time.monotonic())
        case.server.start()

    boot = threading.Thread(target=start)
    boot.start()
    wait_for_databases([case.driver], 60)
    assert started
    assert case.driver.answers()
    boot.join()


def test_a_server_that_does_not_come_is_not_waited_for_for_ever(case: Case) -> None:
    case.server.control("stop", "-m", "fast")
    try:
        began = time.monotonic()
        wait_for_databases([case.driver], 0.1)
        assert time.monotonic() - began < 60
    finally:
        case.server.start()


def test_a_snapshot_holds_files_and_database_together(case: Case, tmp_path: Path) -> None:
    data = tmp_path / "données"
    data.mkdir()
    (data / "fichier").write_text("avant")
    table = DatabaseTable(name="pmsi", url=case.server.url(case.name.replace(" ", "%20")), password_file=case.secret)
    snapshots = Snapshots(tmp_path / "sauvegardes", [data], make_databases([table]), 2)
    estimate = snapshots.estimate()
    assert estimate.servers > 1_000_000
    assert len("avant") < estimate.places[str(data)] < 1000
    before = case.contents()
    snapshots.take_full("complete", "1.0", progress=lambda _: None, check=nothing)
    snapshots.take_increment("complete", "arret", "1.0", progress=lambda _: None, check=nothing)
    assert list(snapshots.verify("arret")) == []
    case.change(MIGRATION)
    (data / "fichier").write_text("après")
    snapshots.restore("arret", progress=lambda _: None)
    assert (case.contents(), (data / "fichier").read_text()) == (before, "avant")
    (tmp_path / "sauvegardes" / "complete" / "bases" / "pmsi.pgdump" / "toc.dat").write_bytes(b"x")
    with pytest.raises(BackupError, match="rien n'a été touché"):
        snapshots.restore("complete", progress=lambda _: None)
