"""A role that may make no database has its own restored where it is: all that it owns, and nothing of others'."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ospi_supervisor.backup import in_place, scratch_server
from ospi_supervisor.errors import BackupError
from tests.backup.conftest import Case, case, nothing, postgres
from tests.support.postgres import Postgres

__all__ = ["case", "postgres"]

pytestmark = pytest.mark.system

OTHERS = """
CREATE ROLE lecture; CREATE ROLE groupe; GRANT groupe TO plateforme;
CREATE SCHEMA outils; CREATE SCHEMA loge; GRANT USAGE, CREATE ON SCHEMA loge TO plateforme;
CREATE EXTENSION pg_stat_statements SCHEMA outils;
CREATE EXTENSION unaccent;
GRANT USAGE ON SCHEMA outils TO plateforme;
GRANT CREATE ON SCHEMA public TO groupe, plateforme;
GRANT USAGE ON FOREIGN DATA WRAPPER postgres_fdw TO plateforme;
"""
OWN = """
CREATE EXTENSION pg_trgm;
CREATE TYPE genre AS ENUM ('f', 'm'); CREATE DOMAIN code AS text CHECK (VALUE ~ '^[A-Z]+$');
CREATE TYPE paire AS (a int, b int);
CREATE SEQUENCE libre START 42; SELECT nextval('libre');
CREATE FUNCTION sans_accent(t text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS
    $$ BEGIN RETURN lower(unaccent(t)); END $$;
CREATE PROCEDURE rien() LANGUAGE sql AS 'SELECT 1';
CREATE AGGREGATE premier (int) (SFUNC = int4larger, STYPE = int4);
"""
MORE = """
CREATE TABLE patient (id int PRIMARY KEY, nom text, c code, g genre,
    cle text GENERATED ALWAYS AS (sans_accent(nom)) STORED);
INSERT INTO patient (id, nom, c, g) SELECT n, 'Éloïse ' || n, 'A', 'f' FROM generate_series(1, 1000) n;
CREATE INDEX ON patient USING gin (nom gin_trgm_ops);
CREATE STATISTICS liees ON id, nom FROM patient;
CREATE MATERIALIZED VIEW compte AS SELECT count(*) AS n FROM patient;
CREATE TABLE mesure (jour date, valeur int) PARTITION BY RANGE (jour);
CREATE TABLE mesure_2026 PARTITION OF mesure FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
INSERT INTO mesure VALUES ('2026-05-01', 3);
CREATE TABLE loge.hote (id int); CREATE TABLE du_groupe (id int); ALTER TABLE du_groupe OWNER TO groupe;
ALTER TABLE patient ENABLE ROW LEVEL SECURITY; CREATE POLICY tous ON patient USING (true);
CREATE RULE muet AS ON DELETE TO patient DO INSTEAD NOTHING;
CREATE SERVER loin FOREIGN DATA WRAPPER postgres_fdw; CREATE USER MAPPING FOR plateforme SERVER loin;
CREATE FOREIGN TABLE lointaine (id int) SERVER loin;
CREATE OPERATOR === (LEFTARG = int, RIGHTARG = int, FUNCTION = int4eq);
CREATE COLLATION francaise FROM "C"; CREATE TEXT SEARCH CONFIGURATION fr (COPY = french);
CREATE PUBLICATION quelques FOR TABLE du_groupe;
GRANT SELECT ON patient TO lecture; GRANT SELECT (id) ON du_groupe TO lecture;
ALTER DEFAULT PRIVILEGES IN SCHEMA pmsi GRANT SELECT ON TABLES TO lecture;
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
COMMENT ON TABLE patient IS 'les patients';
"""
MIGRATION = """
DROP MATERIALIZED VIEW compte; DELETE FROM pmsi.sejour; ALTER TABLE patient ADD COLUMN x int;
CREATE TABLE nouvelle (n int REFERENCES patient); CREATE SCHEMA migre; CREATE TABLE migre.t (g genre);
CREATE EXTENSION citext; DROP EXTENSION pg_trgm CASCADE; SELECT lo_unlink(oid) FROM pg_largeobject_metadata;
SELECT lo_from_bytea(0, 'autre'); CREATE VIEW vue AS SELECT * FROM migre.t;
CREATE FUNCTION nouvelle_fonction(a int, VARIADIC b text[]) RETURNS int LANGUAGE sql AS 'SELECT 1';
ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO lecture;
ALTER DEFAULT PRIVILEGES GRANT USAGE ON SEQUENCES TO lecture;
ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO PUBLIC; SELECT setval('libre', 99);
ALTER DATABASE "pmsi d'essai" SET statement_timeout TO '3h'; GRANT TEMPORARY ON DATABASE "pmsi d'essai" TO lecture;
REVOKE CONNECT ON DATABASE "pmsi d'essai" FROM PUBLIC; COMMENT ON DATABASE "pmsi d'essai" IS 'migrée';
"""
RESTORE = """
import sys
from pathlib import Path
from ospi_supervisor.backup.postgres import PostgresDatabase
PostgresDatabase("pmsi", sys.argv[1], Path(sys.argv[2])).restore(Path(sys.argv[3]), {}, lambda: None)
"""


@pytest.fixture
def modest(case: Case) -> Iterator[Case]:
    """The database of a role that may make none, with what a superuser gave it."""
    case.server.sql("postgres", "ALTER ROLE plateforme NOCREATEDB")
    case.server.sql(case.name, f"CREATE EXTENSION postgres_fdw; {OTHERS}")
    case.change(OWN)
    case.change(MORE)
    case.server.sql(
        "postgres",
        f"""ALTER DATABASE "{case.name}" CONNECTION LIMIT 47;
        ALTER ROLE plateforme IN DATABASE "{case.name}" SET work_mem TO '5MB';
        GRANT CONNECT ON DATABASE "{case.name}" TO lecture""",
    )
    yield case
    case.server.sql("postgres", f'DROP DATABASE "{case.name}" WITH (FORCE)')
    case.server.sql("postgres", "ALTER ROLE plateforme CREATEDB; DROP ROLE lecture, groupe")


def test_all_of_it_comes_back_and_what_is_others_stays(modest: Case) -> None:
    before, names = modest.contents(), modest.databases()
    modest.driver.check()
    facts = modest.driver.dump(modest.to, nothing, low_priority=True)
    modest.driver.load(modest.to, nothing)
    assert (modest.contents(), modest.databases()) == (before, names)
    modest.change(MIGRATION)
    assert modest.contents() != before
    for _ in range(2):
        modest.driver.restore(modest.to, facts, nothing)
        assert modest.contents() == before
    assert modest.databases() == names


def test_a_restore_killed_at_any_instant_ends_exact_when_it_is_called_again(modest: Case) -> None:
    before = modest.contents()
    modest.driver.dump(modest.to, nothing, low_priority=False)
    modest.change(MIGRATION)
    address = modest.server.url(modest.name.replace(" ", "%20"))
    for seconds in (0.3, 0.6, 0.9, 1.2):
        with subprocess.Popen([sys.executable, "-c", RESTORE, address, str(modest.secret), str(modest.to)]) as restore:
            time.sleep(seconds)  # whatever it is doing then
            restore.kill()
    modest.driver.restore(modest.to, {}, nothing)
    assert modest.contents() == before


@pytest.mark.full
def test_a_session_that_holds_a_table_is_named_and_one_that_holds_none_is_borne(
    modest: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(in_place, "LOCK_SECONDS", 1)
    before = modest.contents()
    modest.driver.dump(modest.to, nothing, low_priority=False)
    with (
        modest.session("BEGIN; LOCK TABLE patient IN ACCESS SHARE MODE"),
        pytest.raises(BackupError, match=r"session \d+ : proprietaire .*lock timeout"),
    ):
        modest.driver.restore(modest.to, {}, nothing)
    with modest.session("LISTEN rien"):
        modest.driver.restore(modest.to, {}, nothing)
    assert modest.contents() == before


@pytest.fixture
def placed(postgres: Postgres, tmp_path: Path) -> Iterator[Case]:
    """The database of such a role, in a tablespace."""
    place = f"{postgres.folder}/lent"
    postgres.sql("postgres", f"COPY (SELECT 1) TO PROGRAM 'mkdir -p {place}'")
    postgres.sql("postgres", f"CREATE TABLESPACE \"l'un\" LOCATION '{place}'")
    postgres.sql("postgres", "ALTER ROLE plateforme NOCREATEDB")
    yield Case(postgres, "placée", tmp_path, 'TABLESPACE "l\'un"')
    for statement in (
        'DROP DATABASE "placée" WITH (FORCE)',
        "ALTER ROLE plateforme CREATEDB",
        'DROP TABLESPACE "l\'un"',
    ):
        postgres.sql("postgres", statement)


def test_one_in_a_tablespace_is_tried_out_in_a_server_that_has_none(placed: Case) -> None:
    before = placed.contents()
    placed.driver.check()
    facts = placed.driver.dump(placed.to, nothing, low_priority=True)
    placed.driver.load(placed.to, nothing)
    placed.change("DROP SCHEMA pmsi CASCADE")
    placed.driver.restore(placed.to, facts, nothing)
    assert placed.contents() == before


def test_rows_that_do_not_load_are_named(modest: Case) -> None:
    modest.change("""CREATE TABLE zone (n int); INSERT INTO zone VALUES (1);
        CREATE FUNCTION connue(z int) RETURNS bool LANGUAGE sql AS 'SELECT EXISTS (SELECT FROM zone WHERE n = z)';
        CREATE TABLE acte (z int CHECK (connue(z))); INSERT INTO acte VALUES (1); DELETE FROM zone;""")
    modest.driver.dump(modest.to, nothing, low_priority=True)
    with pytest.raises(BackupError, match=r'ne se recharge pas : base « pmsi » : .*COPY failed for table "acte"'):
        modest.driver.load(modest.to, nothing)


@pytest.mark.full
def test_what_the_role_could_not_drop_is_said_before(modest: Case) -> None:
    """It is a member of the group, and not given the group's rights: a trial, which begins with nothing, would pass."""
    modest.change("GRANT ALL ON du_groupe TO plateforme")
    modest.server.sql("postgres", "ALTER ROLE plateforme NOINHERIT")
    try:
        with pytest.raises(BackupError, match=r"d'autres rôles y possèdent table public\.du_groupe"):
            modest.driver.check()
    finally:
        modest.server.sql("postgres", "ALTER ROLE plateforme INHERIT")


def test_where_nothing_can_be_tried_it_is_refused_before(
    modest: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scratch_server, "PLACES", (f"{tmp_path}/{{0}}",))
    monkeypatch.setattr(scratch_server, "OF_ANY_VERSION", ())
    with pytest.raises(BackupError, match=r"pas le droit CREATEDB .*cette machine n'a pas PostgreSQL .*installez-le"):
        modest.driver.check()
