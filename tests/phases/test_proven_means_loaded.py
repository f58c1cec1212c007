"""A database that nothing would bring back refuses the update while nothing has changed; a copied one does not."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ospi_supervisor.backup import copies
from ospi_supervisor.backup.databases import make_databases
from ospi_supervisor.backup.snapshots import Snapshots
from ospi_supervisor.config.tables import DatabaseTable
from ospi_supervisor.domain.lifecycle import Phase
from ospi_supervisor.errors import BackupError, RefusedError
from ospi_supervisor.phases.backup import UNLOADABLE, Backup
from ospi_supervisor.phases.checkpoint import Checkpoint
from ospi_supervisor.phases.migrate import Migrate
from tests.backup.conftest import Case, case, postgres
from tests.phases.conftest import MemoryRun

__all__ = ["case", "postgres"]

pytestmark = pytest.mark.system

LOADS_NOT = {
    "constraint": (
        """CREATE TABLE zone (n int); INSERT INTO zone VALUES (1);
        CREATE FUNCTION connue(z int) RETURNS bool LANGUAGE sql AS 'SELECT EXISTS (SELECT FROM zone WHERE n = z)';
        CREATE TABLE acte (z int CHECK (connue(z))); INSERT INTO acte VALUES (1); DELETE FROM zone;""",
        'COPY failed for table "acte": .*acte_z_check',
    ),
    "foreign key": (
        """CREATE TABLE lit (n int PRIMARY KEY); CREATE TABLE sejour2 (lit int REFERENCES lit);
        INSERT INTO lit VALUES (1); INSERT INTO sejour2 VALUES (1);
        ALTER TABLE sejour2 DROP CONSTRAINT sejour2_lit_fkey; DELETE FROM lit;
        ALTER TABLE sejour2 ADD CONSTRAINT cle FOREIGN KEY (lit) REFERENCES lit NOT VALID;""",
        None,
    ),
    "time": (
        """CREATE TABLE rendezvous (fin timestamptz);
        INSERT INTO rendezvous VALUES (now() - interval '1 day');
        ALTER TABLE rendezvous ADD CONSTRAINT a_venir CHECK (fin > now()) NOT VALID;""",
        None,
    ),
}


@pytest.fixture
def snapshots(case: Case, tmp_path: Path) -> Snapshots:
    table = DatabaseTable(name="pmsi", url=case.server.url("pmsi%20d'essai"), password_file=case.secret)
    return Snapshots(tmp_path / "sauvegardes", [], make_databases([table]), 2)


@pytest.mark.parametrize(("sql", "words"), LOADS_NOT.values(), ids=LOADS_NOT)
def test_rows_that_do_not_load_are_named(case: Case, sql: str, words: str | None) -> None:
    """Constraints that were never validated load: they are added as they are."""
    case.change(sql)
    names = case.databases()
    case.driver.check()
    case.driver.dump(case.to, lambda: None, low_priority=True)
    if words is None:
        case.driver.load(case.to, lambda: None)
    else:
        with pytest.raises(BackupError, match=rf"ne se recharge pas : base « pmsi » : .*{words}"):
            case.driver.load(case.to, lambda: None)
    assert case.databases() == names


def test_where_the_server_copies_such_a_database_the_update_goes_on_and_comes_back(
    case: Case, snapshots: Snapshots, make_run: Callable[[Phase], MemoryRun]
) -> None:
    case.change(LOADS_NOT["constraint"][0])
    before, names = case.contents(), case.databases()
    run = make_run(Phase.BACKUP)
    run.known[Phase.BACKUP] = dict(Backup(snapshots).do(run))
    assert run.known[Phase.BACKUP][UNLOADABLE] == ["pmsi"]
    assert 'COPY failed for table "acte"' in run.warnings[0]
    run.phase = Phase.CHECKPOINT
    run.remember(**Checkpoint(snapshots).do(run))
    case.change("DROP TABLE acte, zone CASCADE")
    run.known[Phase.MIGRATE] = {"began": True}
    Migrate(None, snapshots).undo(run)  # type: ignore[arg-type]  # its hooks are not asked
    Checkpoint(snapshots).undo(run)
    assert (case.contents(), case.databases()) == (before, names)


def test_where_it_does_not_the_update_is_refused(
    case: Case, snapshots: Snapshots, make_run: Callable[[Phase], MemoryRun], monkeypatch: pytest.MonkeyPatch
) -> None:
    case.change(LOADS_NOT["constraint"][0])
    before, names = case.contents(), case.databases()
    monkeypatch.setattr(copies, "free_bytes", lambda *_: 12_000_000)
    with pytest.raises(RefusedError, match=r"n'en a pas la place : il reste 12 Mo.*table \"acte\"") as caught:
        Backup(snapshots).do(make_run(Phase.BACKUP))
    assert caught.value.code == "way_back"
    assert (case.contents(), case.databases()) == (before, names)


def test_a_copy_that_fails_at_the_last_moment_ends_before_anything_changes(
    case: Case, snapshots: Snapshots, make_run: Callable[[Phase], MemoryRun], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copies, "WAIT_SECONDS", 0.5)
    case.change(LOADS_NOT["constraint"][0])
    before, names = case.contents(), case.databases()
    run = make_run(Phase.BACKUP)
    run.known[Phase.BACKUP] = dict(Backup(snapshots).do(run))
    run.phase = Phase.CHECKPOINT
    with case.session("BEGIN"), pytest.raises(BackupError, match="et sa sauvegarde ne se recharge pas"):
        Checkpoint(snapshots).do(run)
    Checkpoint(snapshots).undo(run)
    assert (case.contents(), case.databases()) == (before, names)
