"""The portal's releases: what 11.6.0 changes in the data, what 11.5.9 breaks, and what the pages show."""

import json
import sqlite3
import subprocess
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from demo.portal.common.portail.app import create_app, euros, month, number
from demo.portal.common.portail.charts import bar_chart, round_up
from demo.portal.common.portail.release import load_release
from demo.prepare import environment
from demo.seed import STAYS, write_data


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The portal's data, as new."""
    write_data(tmp_path / "data")
    return tmp_path / "data"


def run_migration(tree: Path, data: Path) -> subprocess.CompletedProcess[str]:
    """Run the release's migration as the supervisor would."""
    contract = {
        "OSPI_RELEASE_DIR": str(tree),
        "OSPI_DATA_DIRS": str(data),
        "OSPI_DATABASE_URL_PORTAIL": f"sqlite:///{data / 'portail.db'}",
    }
    return subprocess.run(
        [tree / "hooks" / "20-migration"],
        cwd=tree,
        env={**environment(), **contract},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def pages(tree: Path, data: Path) -> FlaskClient:
    """A client of the portal of the release `tree`."""
    return create_app(load_release(tree), data).test_client()


def test_the_migration_fills_its_columns_from_the_old_rows(portal_trees: dict[str, Path], data: Path) -> None:
    done = run_migration(portal_trees["11.6.0"], data)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "@progress 100 Données au schéma 1160"
    database = sqlite3.connect(data / "portail.db")
    wrong = database.execute(
        "SELECT count(*) FROM sejour"
        " WHERE duree IS NOT julianday(sortie) - julianday(entree) OR severite IS NOT substr(ghm, -1)"
    ).fetchone()[0]
    total = database.execute("SELECT sum(sejours) FROM activite").fetchone()[0]
    database.close()
    assert (wrong, total) == (0, STAYS)
    catalogue = json.loads((data / "documents" / "catalogue.json").read_text(encoding="utf-8"))
    assert len(catalogue) == 3


def test_a_migration_is_not_run_twice(portal_trees: dict[str, Path], data: Path) -> None:
    assert run_migration(portal_trees["11.6.0"], data).returncode == 0
    again = run_migration(portal_trees["11.6.0"], data)
    assert again.returncode == 1
    assert "part du schéma 1150" in again.stderr


def test_the_failing_migration_has_damaged_rows_and_files_when_it_fails(
    portal_trees: dict[str, Path], data: Path
) -> None:
    before = {path.name: path.read_bytes() for path in (data / "documents").iterdir()}
    failed = run_migration(portal_trees["11.5.9"], data)
    assert failed.returncode == 1
    assert "séjour 1042" in failed.stderr
    after = {path.name: path.read_bytes() for path in (data / "documents").iterdir()}
    assert len(set(before) - set(after)) == 1
    assert set(after) - set(before) == {"conversion.tmp"}
    database = sqlite3.connect(data / "portail.db")
    left = database.execute("SELECT count(*) FROM sejour").fetchone()[0]
    database.close()
    assert left == STAYS - STAYS // 3


def test_the_dashboard_shows_the_new_panel_from_11_6_0_on(portal_trees: dict[str, Path], data: Path) -> None:
    old = pages(portal_trees["11.5.0"], data).get("/").text
    assert "Version 11.5.0" in old
    assert "niveau de sévérité" not in old
    run_migration(portal_trees["11.6.0"], data)
    new = pages(portal_trees["11.6.0"], data).get("/").text
    assert "Version 11.6.0" in new
    assert "Durée moyenne de séjour par niveau de sévérité" in new
    assert 'href="/superviseur/"' in new


def test_a_remark_is_kept_and_another_site_cannot_leave_one(portal_trees: dict[str, Path], data: Path) -> None:
    client = pages(portal_trees["11.5.0"], data)
    assert client.post("/notes", data={"texte": "<b>à relire</b>"}).status_code == 303
    assert "&lt;b&gt;à relire&lt;/b&gt;" in client.get("/").text
    foreign = client.post("/notes", data={"texte": "pirate"}, headers={"Sec-Fetch-Site": "cross-site"})
    assert foreign.status_code == 403
    assert "pirate" not in client.get("/").text


def test_documents_are_listed_and_nothing_outside_their_folder_is_served(
    portal_trees: dict[str, Path], data: Path
) -> None:
    client = pages(portal_trees["11.5.0"], data)
    listed = client.get("/documents/").text
    for path in (data / "documents").iterdir():
        assert path.name in listed
        with client.get(f"/documents/{path.name}") as answer:
            assert answer.data == path.read_bytes()
    assert client.get("/documents/../portail.db").status_code == 404


def test_the_stage_hook_prepares_the_reference_table_in_the_writable_folder(
    portal_trees: dict[str, Path], tmp_path: Path
) -> None:
    tree = tmp_path / "11.6.0"
    subprocess.run(["cp", "-a", portal_trees["11.6.0"], tree], check=True)
    before = set(tree.rglob("*"))
    hook = [tree / "hooks" / "10-referentiel"]
    for _ in range(2):
        subprocess.run(
            hook, env={**environment(), "OSPI_RELEASE_DIR": str(tree)}, check=True, stdout=subprocess.DEVNULL
        )
    made = {path.relative_to(tree).as_posix() for path in set(tree.rglob("*")) - before}
    assert made == {"cache", "cache/comparaison.db"}
    assert (tree / "cache" / "comparaison.db").stat().st_size > 1_000_000


@pytest.mark.parametrize(
    ("value", "rounded"), [(0, 1), (1, 1), (1.5, 2), (3, 4), (556, 600), (999, 1000), (1000, 1000)]
)
def test_a_scale_ends_at_a_round_number_above_its_values(value: float, rounded: float) -> None:
    assert round_up(value) == rounded


def test_bars_stand_on_the_baseline_in_proportion_to_their_values() -> None:
    chart = bar_chart([("a", 50), ("b", 100)])
    assert [bar.y + bar.height for bar in chart.bars] == pytest.approx([chart.baseline] * 2)
    assert chart.bars[1].height == pytest.approx(2 * chart.bars[0].height)


def test_numbers_and_months_are_written_as_in_french() -> None:
    assert number(12345.67, 1) == "12\u202f345,7"
    assert euros(17_920_000) == "17,9\u00a0M€"
    assert month("2026-08") == "août"
    assert month("Cardiologie") == "Cardiologie"
