"""A real application, JupyterHub, taken from one release to another with its rows, through its own schema upgrade."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.real_application import recipe
from tests.real_application.hospital import PATIENCE_SECONDS, Site, running, wait_until
from tests.real_application.vendor import Vendor, add_column_by_hand, deliver

STABLE = ("name", "admin", "roles", "groups", "created")
"""What both releases' API say of a user."""


@pytest.fixture(scope="module")
def vendor(workspace: Path) -> Vendor:
    return deliver(workspace)


@pytest.fixture
def folder(workspace: Path, request: pytest.FixtureRequest) -> Path:
    """A folder for one site."""
    path = workspace / str(request.node.name)
    path.mkdir()
    return path


def write_rows(site: Site) -> str:
    """People, groups and a token, through the application's API; the token is returned."""
    site.api("POST", "users", {"usernames": ["durand", "lefevre", "martin"]})
    site.api("POST", "groups/dim", {})
    site.api("POST", "groups/dim/users", {"users": ["durand", "martin"]})
    site.api("PUT", "groups/dim/properties", {"service": "Département d'information médicale"})
    token = site.api("POST", "users/durand/tokens", {"note": "export mensuel"})["token"]
    return str(token)


def read_rows(site: Site) -> dict[str, Any]:
    """The same, as the application's API gives them now."""
    users = [{key: user[key] for key in STABLE} for user in site.api("GET", "users")]
    return {"users": users, "groups": site.api("GET", "groups")}


def revision(site: Site) -> str:
    """The schema's revision as the application records it."""
    ((number,),) = site.rows.execute("SELECT version_num FROM alembic_version")
    return str(number)


def test_new_release_serves_the_rows_written_before(vendor: Vendor, folder: Path) -> None:
    """Wheels, virtual environment, schema upgrade: users see the old, the page, the new, and lose nothing."""
    with running(folder, vendor.root_metadata, vendor.installed, prepare=lambda _: None) as site:
        token, schema, before = write_rows(site), site.rows.schema(), read_rows(site)
        importing = subprocess.Popen(site.command("import", str(vendor.archive), "--notice-read", "--wait"))
        wait_until((site.root / f"platform/releases/{recipe.NEW}/venv/bin/python").exists, 180)
        site.api("POST", "users", {"usernames": ["arrivee-pendant-la-preparation"]})
        assert importing.wait(PATIENCE_SECONDS) == 0

        update = site.last_update()
        assert (update["status"], update["from"], update["to"]) == ("succeeded", recipe.OLD, recipe.NEW)
        assert site.installed() == recipe.NEW
        assert site.story() == [recipe.OLD, "maintenance", recipe.NEW]
        assert "Répétition réussie" in site.supervisor("log", str(update["id"])).stdout
        while_installing = site.seen_during("stage")
        assert len(while_installing) > 20
        assert set(while_installing) == {recipe.OLD}

        after = read_rows(site)
        late = [user for user in after["users"] if user["name"] == "arrivee-pendant-la-preparation"]
        assert len(late) == 1
        assert after == {**before, "users": before["users"] + late}
        assert site.api("GET", "user", token=token)["name"] == "durand"
        assert any("user_info" in sql for sql in site.rows.schema() - schema)


@pytest.mark.full
def test_schema_upgrade_that_fails_half_way_is_rolled_back(vendor: Vendor, folder: Path) -> None:
    """A column that somebody added by hand stops the upgrade at its third step, the first two being committed."""
    never = "never"  # a rehearsal would find it
    with running(folder, vendor.root_metadata, vendor.installed, add_column_by_hand, never) as site:
        write_rows(site)
        schema, before, first_revision = site.rows.schema(), read_rows(site), revision(site)
        imported = site.supervisor("import", str(vendor.archive), "--notice-read", "--wait")
        assert imported.returncode == 1

        update = site.last_update()
        assert (update["status"], update["failed_phase"]) == ("rolled_back", "migrate")
        log = "".join(path.read_text(encoding="utf-8") for path in (site.root / "state/engine/logs").iterdir())
        assert "Running upgrade be8ecf03ddac -> afd65840b69e" in log
        assert "duplicate column name: user_info" in log

        assert site.installed() == recipe.OLD
        assert site.story() == [recipe.OLD, "maintenance", recipe.OLD]
        assert read_rows(site) == before
        assert (site.rows.schema(), revision(site)) == (schema, first_revision)

        again = site.supervisor("import", str(vendor.archive), "--notice-read", "--wait")
        assert again.returncode == 1
        assert site.story() == [recipe.OLD, "maintenance", recipe.OLD]


@pytest.mark.full
def test_what_a_rehearsal_finds_is_cured_and_the_same_archive_installs(vendor: Vendor, folder: Path) -> None:
    """Nobody loses the application for it, no row and no file changes, nothing is locked."""
    with running(folder, vendor.root_metadata, vendor.installed, prepare=add_column_by_hand) as site:
        write_rows(site)
        schema, before = site.rows.schema(), read_rows(site)
        imported = site.supervisor("import", str(vendor.archive), "--notice-read", "--wait")
        assert imported.returncode == 1
        assert "duplicate column name: user_info" in imported.stdout + imported.stderr

        update = site.last_update()
        assert (update["status"], update["failed_phase"]) == ("refused", "rehearse")
        assert (site.installed(), site.rows.schema(), read_rows(site)) == (recipe.OLD, schema, before)
        assert site.story() == [recipe.OLD]
        assert len(site.seen_during("rehearse")) > 20
        assert not list(site.root.rglob(".repetition"))

        site.rows.execute("ALTER TABLE users DROP COLUMN user_info")
        again = site.supervisor("import", str(vendor.archive), "--notice-read", "--wait")
        assert again.returncode == 0
        assert site.story() == [recipe.OLD, "maintenance", recipe.NEW]
        assert read_rows(site) == before


@pytest.mark.full
@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_a_poisoned_row_is_refused_before_the_page_and_cured_the_same_archive_installs(
    engine: str, vendor: Vendor, folder: Path, request: pytest.FixtureRequest
) -> None:
    """Somebody wrote into the application's table what its next release cannot bear: nobody loses the application."""
    server = request.getfixturevalue("postgres") if engine == "postgresql" else None
    with running(folder, vendor.root_metadata, vendor.installed, lambda _: None, server=server) as site:
        token = write_rows(site)
        site.rows.execute("INSERT INTO users (name, admin, cookie_id) VALUES ('Durand', false, 'à la main')")
        rows, files = site.rows.contents(), site.files()
        refused = site.supervisor("import", str(vendor.archive), "--notice-read", "--wait")
        update = site.last_update()
        assert (refused.returncode, update["status"], update["failed_phase"]) == (1, "refused", "rehearse")
        assert "users_one_name" in refused.stdout + refused.stderr
        assert site.story() == [recipe.OLD]
        assert len(site.seen_during("rehearse")) > 20
        assert (site.installed(), site.rows.contents(), site.files()) == (recipe.OLD, rows, files)
        assert not list(site.root.rglob(".repetition"))

        site.rows.execute("DELETE FROM users WHERE name = 'Durand'")
        before = read_rows(site)
        installed = site.supervisor("import", str(vendor.archive), "--notice-read", "--wait")
        assert installed.returncode == 0
        assert "Répétition réussie" in site.supervisor("log", str(site.last_update()["id"])).stdout
        assert site.story() == [recipe.OLD, "maintenance", recipe.NEW]
        assert read_rows(site) == before
        assert site.api("GET", "user", token=token)["name"] == "durand"
