"""What the server allowed at the checkpoint it may refuse at the way back: all is back, or is as it was."""

from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest
from _pytest.mark import ParameterSet

from ospi_supervisor.backup import sessions
from ospi_supervisor.backup.databases import make_databases
from ospi_supervisor.backup.inventory import Facts
from ospi_supervisor.backup.snapshots import Snapshots
from ospi_supervisor.config.tables import DatabaseTable
from ospi_supervisor.errors import BackupError
from tests.backup.conftest import Case, nothing
from tests.backup.test_copies import MIGRATED, PROPERTIES

pytestmark = pytest.mark.system

NAME = "pmsi d'essai"
UNDONE = (
    "ALTER ROLE plateforme CREATEDB",
    "ALTER ROLE plateforme RESET ALL",
    "DROP DATABASE IF EXISTS ailleurs",
    f'ALTER DATABASE "{NAME}" IS_TEMPLATE false',
    f'DROP DATABASE IF EXISTS "{NAME}"',
    f'DROP DATABASE IF EXISTS "{NAME}_ospi_arret"',
    "DROP ROLE lecteur",
    "DROP ROLE groupe",
    "DROP TABLESPACE lent",
)


class Change(NamedTuple):
    """What `by` does, connected to the database `at`; a `session` is there during the way back."""

    sql: tuple[str, ...]
    by: str = "plateforme"
    at: str = NAME
    session: str = ""


NO_RIGHT = "ALTER ROLE plateforme NOCREATEDB"
FUNCTION = "CREATE FUNCTION jamais() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'jamais'; END $$"
CLOSE = f'ALTER DATABASE "{NAME}" ALLOW_CONNECTIONS false'
LIMIT = f'ALTER DATABASE "{NAME}" CONNECTION LIMIT 0'
RENAME = f'ALTER DATABASE "{NAME}" RENAME TO ailleurs'
READ_ONLY = "ALTER ROLE plateforme SET default_transaction_read_only TO on"
NO_TIME = ("ALTER ROLE plateforme SET lock_timeout TO '2s'", "ALTER ROLE plateforme SET statement_timeout TO '2s'")
OF_ANY_ROLE = {
    "no connection": Change((LIMIT,)),
    "closed": Change((CLOSE,), at="postgres"),
    "a template": Change((f'ALTER DATABASE "{NAME}" IS_TEMPLATE true',)),
    "read only": Change((f'ALTER DATABASE "{NAME}" SET default_transaction_read_only TO on', READ_ONLY)),
    "no time": Change((f'ALTER DATABASE "{NAME}" SET statement_timeout TO 2000', *NO_TIME)),
    "another search path": Change(("ALTER ROLE plateforme SET search_path TO nulle_part",)),
    "prepared, and left": Change(("BEGIN", "DELETE FROM pmsi.sejour", "PREPARE TRANSACTION 'oubliée'")),
    "a session": Change((), session="LISTEN rien"),
}
OF_ONE_THAT_MAY_CREATE = {
    "its owner": Change((f'ALTER DATABASE "{NAME}" OWNER TO groupe',)),
    "all owners": Change(("REASSIGN OWNED BY plateforme TO groupe",)),
    "a setting": Change((f'ALTER DATABASE "{NAME}" SET session_replication_role TO replica',), "proprietaire"),
    "a tablespace": Change((f'ALTER DATABASE "{NAME}" SET TABLESPACE lent',), "proprietaire", "postgres"),
    "its name": Change((RENAME,), at="postgres"),
    "another in its place": Change((RENAME, f'CREATE DATABASE "{NAME}"'), at="postgres"),
    "dropped": Change((f'DROP DATABASE "{NAME}"',), at="postgres"),
    "an event trigger": Change(
        (FUNCTION, "CREATE EVENT TRIGGER jamais ON ddl_command_start EXECUTE FUNCTION jamais()"), "proprietaire"
    ),
}
"""A role that may create no database cannot mend these: only a superuser can, who did it."""

ALL = OF_ANY_ROLE | OF_ONE_THAT_MAY_CREATE


def changes(names: Iterable[str], sample: str) -> list[ParameterSet]:
    """The changes of those `names`, one of them each time."""
    return [pytest.param(name, marks=[] if name == sample else pytest.mark.full) for name in names]


@pytest.fixture
def owned(case: Case, monkeypatch: pytest.MonkeyPatch) -> Iterator[Case]:
    monkeypatch.setattr(sessions, "WAIT_SECONDS", 1)
    run(case, "postgres", "CREATE ROLE lecteur", "CREATE ROLE groupe", "GRANT groupe TO plateforme")
    place = f"{case.server.folder}/lent"
    run(
        case, "postgres", f"COPY (SELECT 1) TO PROGRAM 'mkdir -p {place}'", f"CREATE TABLESPACE lent LOCATION '{place}'"
    )
    case.server.sql("postgres", PROPERTIES)
    yield case
    for name in case.databases() - {"template0"}:
        run(case, "postgres", f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
        run(case, name, "DROP OWNED BY lecteur, groupe")
    run(case, "postgres", *UNDONE)


def run(case: Case, database: str, *statements: str) -> None:
    """Each in a transaction of its own."""
    each = (word for statement in statements for word in ("-c", statement))
    case.server.run("psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-d", database, *each)


def apply(case: Case, change: Change) -> None:
    case.change(MIGRATED)
    run(case, change.at, *([] if change.by == "proprietaire" else [f"SET ROLE {change.by}"]), *change.sql)


def way_back(case: Case, change: Change, facts: Facts) -> None:
    with case.session(change.session) if change.session else nullcontext():
        case.driver.restore(case.to, facts, nothing)


@pytest.mark.parametrize("what", changes(ALL, "a session"))
def test_a_copy_comes_back(owned: Case, what: str) -> None:
    before = owned.contents()
    facts = owned.driver.keep(owned.to, nothing)
    apply(owned, ALL[what])
    way_back(owned, ALL[what], facts)
    assert owned.contents() == before


@pytest.mark.parametrize("what", changes(OF_ANY_ROLE, "no connection"))
def test_a_copy_comes_back_where_the_role_may_create_none_any_more(owned: Case, what: str) -> None:
    before = owned.contents()
    facts = owned.driver.keep(owned.to, nothing)
    apply(owned, ALL[what])
    owned.server.sql("postgres", NO_RIGHT)
    way_back(owned, ALL[what], facts)
    assert owned.contents() == before
    assert not any(owned.to.iterdir())


@pytest.mark.parametrize("what", changes(ALL, "its owner"))
def test_a_dump_comes_back(owned: Case, what: str) -> None:
    before = owned.contents()
    facts = owned.driver.dump(owned.to, nothing, low_priority=False)
    apply(owned, ALL[what])
    way_back(owned, ALL[what], facts)
    assert owned.contents() == before


@pytest.mark.parametrize("what", changes(OF_ANY_ROLE, "prepared, and left"))
def test_a_dump_comes_back_where_the_role_may_create_none_any_more(owned: Case, what: str) -> None:
    before = owned.contents()
    facts = owned.driver.dump(owned.to, nothing, low_priority=False)
    apply(owned, ALL[what])
    owned.server.sql("postgres", NO_RIGHT)
    way_back(owned, ALL[what], facts)
    assert owned.contents() == before


def test_a_settled_checkpoint_comes_back_where_the_role_may_create_none_any_more(owned: Case, tmp_path: Path) -> None:
    data = tmp_path / "données"
    data.mkdir()
    table = DatabaseTable(name="pmsi", url=owned.server.url("pmsi%20d'essai"), password_file=owned.secret)
    snapshots = Snapshots(tmp_path / "sauvegardes", [data], make_databases([table]), 2)
    before = owned.contents()
    snapshots.take_full("complete", "1.0", progress=lambda _: None, check=nothing)
    snapshots.take_increment("complete", "arret", "1.0", progress=lambda _: None, check=nothing)
    owned.change(MIGRATED)
    snapshots.settle("arret", progress=lambda _: None)
    owned.server.sql("postgres", NO_RIGHT)
    snapshots.restore("arret", progress=lambda _: None)
    assert owned.contents() == before


@pytest.mark.parametrize("copied", [True, pytest.param(False, marks=pytest.mark.full)])
def test_where_a_session_holds_some_of_it_the_database_is_as_it_was_and_open(owned: Case, *, copied: bool) -> None:
    keep = owned.driver.keep if copied else partial(owned.driver.dump, low_priority=False)
    facts = keep(owned.to, nothing)
    owned.change(MIGRATED)
    migrated = owned.contents()
    with (
        owned.session("BEGIN; LOCK TABLE pmsi.sejour IN ACCESS SHARE MODE"),
        pytest.raises(BackupError, match=r"session \d+ : proprietaire .*fermez ces sessions"),
    ):
        owned.driver.restore(owned.to, facts, nothing)
    assert owned.contents() == migrated
