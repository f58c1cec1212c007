"""A server without room: the database is dumped, the dump is tried out elsewhere, and comes back all the same."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from ospi_supervisor.backup.inventory import WHY_DUMPED
from ospi_supervisor.errors import BackupError
from tests.backup.conftest import Case, nothing
from tests.backup.test_postgres import MIGRATION
from tests.support.postgres import QUICK, postgres_server
from tests.support.tmpfs import small_disk

pytestmark = pytest.mark.system

ROWS = "CREATE TABLE gros AS SELECT n, repeat(md5(n::text), 30) AS texte FROM generate_series(1, 60000) AS n"


@pytest.fixture
def crowded(tmp_path: Path) -> Iterator[Case]:
    """A database of some 70 MB on a disk that has as much left, and no more."""
    with (
        TemporaryDirectory(prefix="ospi-plein-") as name,  # which the server's account can reach
        small_disk(_opened(Path(name)) / "d", "400m") as disk,
        postgres_server(disk / "pg", (*QUICK, "max_wal_size=32MB", "min_wal_size=32MB")) as server,
    ):
        case = Case(server, "pmsi d'essai", tmp_path)
        case.change(ROWS)
        server.sql("postgres", "CHECKPOINT")
        size = int(server.sql(case.name, "SELECT pg_database_size(current_database())"))
        with (disk / "plein").open("wb") as file:
            left = shutil.disk_usage(disk).free - int(1.1 * size)
            while left > 0:
                left -= file.write(b"x" * min(left, 1 << 20))
        yield case


def _opened(folder: Path) -> Path:
    folder.chmod(0o755)
    return folder


def test_it_is_dumped_proven_elsewhere_and_brought_back(crowded: Case) -> None:
    before, names = crowded.contents(), crowded.databases()
    assert "n'en a pas la place" in str(crowded.driver.way_back(nothing))
    facts = crowded.driver.keep(crowded.to, nothing)
    assert "n'en a pas la place" in facts[WHY_DUMPED]
    crowded.driver.load(crowded.to, nothing)
    assert list(crowded.to.parent.glob("*.essai")) == []
    assert (crowded.contents(), crowded.databases()) == (before, names)
    crowded.change(MIGRATION)
    crowded.driver.restore(crowded.to, facts, nothing)
    assert (crowded.contents(), crowded.databases()) == (before, names)


def test_what_does_not_load_is_told_there_too(crowded: Case) -> None:
    crowded.change(
        """CREATE TABLE zone (n int); INSERT INTO zone VALUES (1);
        CREATE FUNCTION connue(z int) RETURNS bool LANGUAGE sql AS 'SELECT EXISTS (SELECT FROM zone WHERE n = z)';
        CREATE TABLE acte (z int CHECK (connue(z))); INSERT INTO acte VALUES (1); DELETE FROM zone"""
    )
    crowded.driver.dump(crowded.to, nothing, low_priority=True)
    with pytest.raises(BackupError, match=r'ne se recharge pas : base « pmsi » : .*table "acte"'):
        crowded.driver.load(crowded.to, nothing)
    assert list(crowded.to.parent.glob("*.essai")) == []
