"""A copy inside the server brings a PostgreSQL database back without loading anything, with all that it is."""

import os
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from ospi_supervisor.backup import copies
from ospi_supervisor.backup.children import run as start
from ospi_supervisor.backup.databases import make_databases
from ospi_supervisor.backup.inventory import FILE, WHY_DUMPED
from ospi_supervisor.backup.snapshots import Snapshots
from ospi_supervisor.config.tables import DatabaseTable
from ospi_supervisor.errors import BackupError
from ospi_supervisor.system.files import UNFINISHED
from tests.backup.conftest import Case, nothing
from tests.backup.test_postgres import MIGRATION
from tests.support.postgres import Postgres

pytestmark = pytest.mark.system

PROPERTIES = """
ALTER DATABASE "pmsi d'essai" SET search_path TO pmsi, public;
ALTER DATABASE "pmsi d'essai" CONNECTION LIMIT 17;
COMMENT ON DATABASE "pmsi d'essai" IS 'à la DATABASE "pmsi d''essai" : l''été';
REVOKE CONNECT, TEMPORARY ON DATABASE "pmsi d'essai" FROM PUBLIC;
GRANT CREATE ON DATABASE "pmsi d'essai" TO lecteur WITH GRANT OPTION;
SET ROLE plateforme;
ALTER ROLE plateforme IN DATABASE "pmsi d'essai" SET work_mem TO '11MB';
"""
MIGRATED = (
    MIGRATION
    + """
ALTER DATABASE "pmsi d'essai" CONNECTION LIMIT 3;
ALTER DATABASE "pmsi d'essai" SET work_mem TO '9MB';
COMMENT ON DATABASE "pmsi d'essai" IS 'migrée';
GRANT ALL ON DATABASE "pmsi d'essai" TO PUBLIC;
"""
)


@pytest.fixture
def owned(case: Case) -> Iterator[Case]:
    """A database with properties of every kind."""
    case.server.sql("postgres", "CREATE ROLE lecteur")
    case.server.sql("postgres", PROPERTIES)
    yield case
    for name in case.databases() - {"template0"}:
        case.server.sql("postgres", f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
        case.server.sql(name, "DROP OWNED BY lecteur")
    case.server.sql("postgres", "DROP ROLE lecteur")


def test_the_exchange_brings_rows_rights_settings_and_words_back(owned: Case) -> None:
    before, names = owned.contents(), owned.databases()
    facts = owned.driver.keep(owned.to, nothing)
    assert not owned.to.exists()
    assert owned.contents() == before
    owned.change(MIGRATED)
    assert owned.contents() != before
    for _ in range(2):
        owned.driver.restore(owned.to, facts, nothing)
        assert owned.contents() == before
        assert owned.databases() == names
    owned.driver.forget(nothing)
    assert owned.contents() == before


def test_rows_that_no_dump_loads_come_back(case: Case) -> None:
    case.change(
        """CREATE TABLE tarif (code text, prix int); INSERT INTO tarif VALUES ('a', 1);
        CREATE FUNCTION connu(c text) RETURNS bool LANGUAGE sql AS 'SELECT EXISTS (SELECT FROM tarif WHERE code = c)';
        CREATE TABLE acte (code text CHECK (connu(code))); INSERT INTO acte VALUES ('a')"""
    )
    before = case.contents()
    facts = case.driver.keep(case.to, nothing)
    case.change("DROP TABLE acte, tarif CASCADE")
    case.driver.restore(case.to, facts, nothing)
    assert case.contents() == before


def test_a_migration_that_drops_its_database_is_undone(case: Case) -> None:
    before = case.contents()
    facts = case.driver.keep(case.to, nothing)
    case.server.sql("postgres", f'DROP DATABASE "{case.name}"')
    case.driver.restore(case.to, facts, nothing)
    assert case.contents() == before


def test_a_copy_that_is_dropped_leaves_the_database_open(case: Case) -> None:
    before, names = case.contents(), case.databases()
    facts = case.driver.keep(case.to, nothing)
    assert case.driver.lacks(facts) is None
    case.server.sql("postgres", f'ALTER DATABASE "{case.name}" ALLOW_CONNECTIONS false')
    for _ in range(2):
        case.driver.forget(nothing)
        assert (case.contents(), case.databases()) == (before, names)
    assert "n'est plus dans son serveur" in str(case.driver.lacks(facts))
    with pytest.raises(BackupError, match="a disparu"):
        case.driver.restore(case.to, facts, nothing)
    assert (case.contents(), case.databases()) == (before, names)


def test_where_a_session_stays_the_dump_is_the_way_back_and_says_so(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copies, "WAIT_SECONDS", 0.5)
    before, names = case.contents(), case.databases()
    with case.session("BEGIN"):
        facts = case.driver.keep(case.to, nothing)
        assert "proprietaire (psql)" in facts[WHY_DUMPED]
        assert (case.contents(), case.databases()) == (before, names)
    case.change(MIGRATION)
    case.driver.restore(case.to, facts, nothing)
    assert case.contents() == before


def test_where_the_role_may_not_the_dump_is_taken_and_says_so(case: Case) -> None:
    case.server.sql("postgres", "ALTER ROLE plateforme NOCREATEDB")
    try:
        assert "CREATEDB, propriété de la base" in case.driver.keep(case.to, nothing)[WHY_DUMPED]
        assert case.to.is_dir()
    finally:
        case.server.sql("postgres", "ALTER ROLE plateforme CREATEDB")


def test_while_users_wait_few_programs_are_started(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[str] = []

    def run(command: Sequence[str], *more: Any, **terms: Any) -> str:
        started.append(Path(command[0]).name)
        return start(command, *more, **terms)

    monkeypatch.setattr("ospi_supervisor.backup.psql.run", run)
    facts = case.driver.keep(case.to, nothing)
    assert WHY_DUMPED not in facts
    assert started.count("psql") <= 3
    started.clear()
    case.driver.restore(case.to, facts, nothing)
    assert set(started) == {"psql"}
    assert len(started) <= 3
    started.clear()
    case.driver.forget(nothing)
    assert len(started) <= 2


def test_a_forgotten_session_of_the_platforms_is_ended(case: Case) -> None:
    env = {**os.environ, "PGPASSWORD": case.server.password}
    command = ["psql", "-Xq", case.server.url("pmsi%20d'essai"), "-c", "SELECT 'là'", "-c", "SELECT pg_sleep(600)"]
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as session:
        assert session.stdout is not None
        assert session.stdout.readline()
        assert WHY_DUMPED not in case.driver.keep(case.to, nothing)
        assert session.wait(10) != 0


def test_the_checkpoint_becomes_a_backup_that_outlives_the_copy(owned: Case, tmp_path: Path) -> None:
    data = tmp_path / "données"
    data.mkdir()
    table = DatabaseTable(name="pmsi", url=owned.server.url("pmsi%20d'essai"), password_file=owned.secret)
    snapshots = Snapshots(tmp_path / "sauvegardes", [data], make_databases([table]), 2)
    before, names = owned.contents(), owned.databases()
    snapshots.take_full("complete", "1.0", progress=lambda _: None, check=nothing)
    snapshots.take_increment("complete", "arret", "1.0", progress=lambda _: None, check=nothing)
    assert owned.databases() != names
    owned.change(MIGRATED)
    migrated = owned.contents()
    unfinished = tmp_path / f"sauvegardes/arret/.{FILE}.448rr8kw{UNFINISHED}"
    for _ in range(2):
        unfinished.touch()  # a killed attempt was writing the inventory
        snapshots.settle("arret", progress=lambda _: None)
        unfinished.unlink(missing_ok=True)
        assert (list(snapshots.verify("arret")), owned.contents(), owned.databases()) == ([], migrated, names)
    snapshots.restore("arret", progress=lambda _: None)
    assert (owned.contents(), owned.databases()) == (before, names)


def test_a_checkpoint_of_which_the_copy_is_gone_says_so_and_is_dropped(case: Case, tmp_path: Path) -> None:
    table = DatabaseTable(name="pmsi", url=case.server.url("pmsi%20d'essai"), password_file=case.secret)
    snapshots = Snapshots(tmp_path / "sauvegardes", [], make_databases([table]), 2)
    snapshots.take_full("complete", "1.0", progress=lambda _: None, check=nothing)
    snapshots.take_increment("complete", "arret", "1.0", progress=lambda _: None, check=nothing)
    assert list(snapshots.verify("arret")) == []
    with pytest.raises(BackupError, match="pas encore dans cette sauvegarde"):
        snapshots.export("arret", tmp_path / "export.tar")
    assert not (tmp_path / "export.tar").exists()
    snapshots.forget_copies()
    assert "n'est plus dans son serveur" in snapshots.verify("arret")[0]
    snapshots.drop_unless_settled("arret")
    assert [snapshot.id for snapshot in snapshots.list()] == ["complete"]


@pytest.mark.parametrize("name", ["b" * 63, "é" * 30])
def test_however_long_its_name_a_database_is_copied(postgres: Postgres, tmp_path: Path, name: str) -> None:
    case = Case(postgres, name, tmp_path)
    before = case.contents()
    facts = case.driver.keep(case.to, nothing)
    case.change("DROP VIEW pmsi.total")
    case.driver.restore(case.to, facts, nothing)
    assert case.contents() == before
    postgres.sql("postgres", f'DROP DATABASE "{name}"')
