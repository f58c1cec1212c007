"""The rows of a PostgreSQL database come back too, whatever they call when they are loaded."""

import pytest

from ospi_supervisor.errors import BackupError
from tests.backup.conftest import Case, nothing

pytestmark = pytest.mark.system

UNQUALIFIED = """
CREATE FUNCTION sans_accent(t text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS
    $$ BEGIN RETURN lower(unaccent(t)); END $$;
"""
NAMES = {
    "generated": """CREATE TABLE patient (id int, nom text, cle text GENERATED ALWAYS AS (sans_accent(nom)) STORED);
        INSERT INTO patient (id, nom) VALUES (1, 'Éloïse');""",
    "index": """CREATE TABLE patient (nom text); INSERT INTO patient VALUES ('É');
        CREATE INDEX ON patient (sans_accent(nom))""",
    "constraint": "CREATE TABLE patient (nom text CHECK (sans_accent(nom) <> '')); INSERT INTO patient VALUES ('É')",
    "view": """CREATE TABLE patient (nom text); INSERT INTO patient VALUES ('É');
        CREATE MATERIALIZED VIEW cles AS SELECT sans_accent(nom) FROM patient""",
}


@pytest.mark.parametrize("sql", NAMES.values(), ids=NAMES)
def test_rows_that_call_what_has_no_schema_in_its_name_come_back(case: Case, sql: str) -> None:
    case.change(f"CREATE EXTENSION unaccent; {UNQUALIFIED} {sql}")
    before = case.contents()
    case.driver.check()
    facts = case.driver.dump(case.to, nothing, low_priority=True)
    case.driver.restore(case.to, facts, nothing)
    assert case.contents() == before


def test_a_search_path_of_the_platforms_own_is_the_one_of_the_load(case: Case) -> None:
    case.change(f'CREATE SCHEMA "l\'outil"; SET search_path TO "l\'outil"; CREATE EXTENSION unaccent; {UNQUALIFIED}')
    case.change(
        f'ALTER DATABASE "{case.name}" SET search_path TO "l\'outil", public; SET search_path TO "l\'outil";'
        + NAMES["generated"]
    )
    before = case.contents()
    case.driver.dump(case.to, nothing, low_priority=True)
    case.driver.restore(case.to, {}, nothing)
    assert case.contents() == before


@pytest.mark.parametrize(
    "remedy", ["ALTER ROLE plateforme BYPASSRLS", "ALTER TABLE dossier NO FORCE ROW LEVEL SECURITY"]
)
def test_rows_that_are_hidden_from_the_dump_are_named_before(case: Case, remedy: str) -> None:
    case.change("""CREATE TABLE dossier (id int, service text); INSERT INTO dossier VALUES (1, 'A');
        ALTER TABLE dossier ENABLE ROW LEVEL SECURITY; ALTER TABLE dossier FORCE ROW LEVEL SECURITY;
        CREATE POLICY p ON dossier USING (service = current_setting('app.service', true))""")
    with pytest.raises(BackupError, match=r"ROW LEVEL SECURITY\) cachent des lignes de dossier .*BYPASSRLS"):
        case.driver.check()
    before = case.contents()
    case.server.sql(case.name, remedy)
    try:
        case.driver.check()
        facts = case.driver.dump(case.to, nothing, low_priority=True)
        case.driver.restore(case.to, facts, nothing)
        case.server.sql(case.name, "ALTER TABLE dossier FORCE ROW LEVEL SECURITY")
        assert case.contents() == before
    finally:
        case.server.sql("postgres", "ALTER ROLE plateforme NOBYPASSRLS")


def test_what_a_database_and_its_role_are_set_to_does_not_hinder_us(case: Case) -> None:
    """Read only and statements of a moment, unless one asks for more; few sessions; a template, which nobody drops."""
    case.server.sql("postgres", f'ALTER DATABASE "{case.name}" SET default_transaction_read_only TO on')
    case.server.sql("postgres", f'ALTER DATABASE "{case.name}" IS_TEMPLATE true CONNECTION LIMIT 2')
    case.server.sql("postgres", "ALTER ROLE plateforme SET statement_timeout TO '100ms'")
    try:
        assert case.driver.client.ask("SHOW statement_timeout;") == ["0"]
        before, names = case.contents(), case.databases()
        case.driver.check()
        facts = case.driver.dump(case.to, nothing, low_priority=True)
        case.driver.load(case.to, nothing)
        kept = case.driver.keep(case.to.with_name("arret"), nothing)
        assert kept["oid"]
        for state in (facts, kept):
            case.change("SET transaction_read_only = off; DROP VIEW IF EXISTS pmsi.total")
            case.driver.restore(case.to, state, nothing)
            assert case.contents() == before
        assert case.databases() == names
    finally:
        case.server.sql("postgres", "ALTER ROLE plateforme RESET statement_timeout")
        case.server.sql("postgres", f'ALTER DATABASE "{case.name}" IS_TEMPLATE false')
