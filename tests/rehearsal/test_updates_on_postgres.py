"""An update of a platform whose data are in PostgreSQL is played on them before anybody loses the platform."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rehearsal.portal import CURE, NEW, OLD, POISON, Portal, portal
from tests.support.postgres import Postgres

pytestmark = pytest.mark.system


@pytest.fixture
def hospital(postgres: Postgres) -> Iterator[Portal]:
    """One of the test's own, whose release changes."""
    with portal(postgres, "mise_a_jour") as found:
        assert found.supervisor("adopt", OLD).returncode == 0
        yield found


def files_of(hospital: Portal) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in (hospital.root / "data").rglob("*") if path.is_file()}


@pytest.mark.full
def test_a_poisoned_row_is_refused_before_the_page_and_cured_the_same_archive_installs(hospital: Portal) -> None:
    hospital.sql(POISON)
    archive = hospital.archive()
    rows, files = hospital.contents(), files_of(hospital)
    with hospital.worker():
        with hospital.watched() as seen:
            refused = hospital.supervisor("import", str(archive), "--notice-read", "--wait")
        update = hospital.last_update()
        assert (refused.returncode, update["status"], update["failed_phase"]) == (1, "refused", "rehearse")
        assert "Mise à niveau du schéma" in refused.stderr
        assert "Key (nom)=(séjour 1) is duplicated" in log_of(hospital)
        assert set(seen) == {OLD}
        assert (hospital.contents(), files_of(hospital)) == (rows, files)
        assert not list(hospital.root.rglob(".repetition"))

        hospital.sql(CURE)
        with hospital.watched() as seen:
            installed = hospital.supervisor("import", str(archive), "--notice-read", "--wait")
        assert installed.returncode == 0
        assert [what for number, what in enumerate(seen) if what not in seen[:number]] == [OLD, "maintenance", NEW]
        assert hospital.sql("SELECT DISTINCT forme FROM sejour") == NEW


def log_of(hospital: Portal) -> str:
    logs: list[Path] = sorted((hospital.root / "state/engine/logs").iterdir())
    return "".join(path.read_text(encoding="utf-8") for path in logs)
