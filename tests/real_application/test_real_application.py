"""A real application, JupyterHub, taken from one release to another with its rows, through its own schema upgrade."""

import os
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ospi_supervisor.archive.reader import Archive
from ospi_supervisor.archive.stage import stage
from ospi_supervisor.archive.trust import Trust
from tests.real_application import recipe
from tests.real_application.hospital import Site, running, wait_until

STABLE = ("name", "admin", "roles", "groups", "created")
"""What both releases' API say of a user."""


@dataclass(frozen=True)
class Vendor:
    """What the vendor delivers: the first root metadata, the new release's archive; and the old one as installed."""

    root_metadata: Path
    archive: Path
    installed: Path


@pytest.fixture(scope="module")
def workspace() -> Iterator[Path]:
    """A folder that the platform's account can enter (pytest's own are private), and that a reboot would keep."""
    folder = Path(tempfile.mkdtemp(prefix="ospi-real-", dir="/var/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def vendor(workspace: Path) -> Vendor:
    """Both releases built and proven by `ospi-release`, the older one unpacked from its archive and prepared."""
    keys, notice, python = workspace / "keys", workspace / "notice.pdf", recipe.platform_python()
    recipe.run_tool("ospi-release", "init", str(keys))
    notice.write_bytes(b"%PDF-1.4\n%%EOF\n")
    root_metadata = keys / "root.json"
    archives = {version: recipe.build(version, workspace, python, keys, notice) for version in (recipe.OLD, recipe.NEW)}
    for archive in archives.values():
        recipe.run_tool("ospi-release", "verify", str(archive), "--root", str(root_metadata))
    installed = _install(archives[recipe.OLD], workspace / "installed", root_metadata)
    return Vendor(root_metadata, archives[recipe.NEW], installed)


def _install(archive: Path, release: Path, root_metadata: Path) -> Path:
    """A first deployment by the integrator: unpack, then what the release's `stage` hook does."""
    with Archive.open(archive, Trust(root_metadata.read_bytes()), datetime.now(UTC)) as opened:
        stage(opened, release, None, progress=lambda _: None, check=lambda: None, hard_links=False)
    (release / "venv").mkdir(exist_ok=True)
    account = recipe.platform_account()
    if account is not None:
        shutil.chown(release / "venv", account)
    environment = {"OSPI_RELEASE_DIR": str(release), "OSPI_TO_VERSION": recipe.OLD, "PATH": os.defpath}
    hook = [str(release / "hooks/10-venv")]
    subprocess.run(hook, **recipe.as_platform(), env=environment, cwd=release, check=True, capture_output=True)
    return release


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


def revision(database: Path) -> str:
    """The schema's revision as the application records it."""
    with closing(sqlite3.connect(database)) as connection:
        (number,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return str(number)


def test_new_release_serves_the_rows_written_before(vendor: Vendor, folder: Path) -> None:
    """Wheels, virtual environment, schema upgrade: users see the old, the page, the new, and lose nothing."""
    with running(folder, vendor.root_metadata, vendor.installed, prepare=lambda _: None) as site:
        token, schema, before = write_rows(site), site.schema(), read_rows(site)
        importing = subprocess.Popen(site.command("import", str(vendor.archive), "--notice-read", "--wait"))
        wait_until((site.root / f"platform/releases/{recipe.NEW}/venv/bin/python").exists, 60)
        site.api("POST", "users", {"usernames": ["arrivee-pendant-la-preparation"]})
        assert importing.wait(170) == 0

        update = site.last_update()
        assert (update["status"], update["from"], update["to"]) == ("succeeded", recipe.OLD, recipe.NEW)
        assert site.installed() == recipe.NEW
        assert site.story() == [recipe.OLD, "maintenance", recipe.NEW]
        while_installing = site.seen_during("stage")
        assert len(while_installing) > 20
        assert set(while_installing) == {recipe.OLD}

        after = read_rows(site)
        late = [user for user in after["users"] if user["name"] == "arrivee-pendant-la-preparation"]
        assert len(late) == 1
        assert after == {**before, "users": before["users"] + late}
        assert site.api("GET", "user", token=token)["name"] == "durand"
        assert any("user_info" in sql for sql in site.schema() - schema)


def test_schema_upgrade_that_fails_half_way_is_rolled_back(vendor: Vendor, folder: Path) -> None:
    """A column that somebody added by hand stops the upgrade at its third step, the first two being committed."""
    with running(folder, vendor.root_metadata, vendor.installed, prepare=add_column_by_hand) as site:
        write_rows(site)
        schema, before, first_revision = site.schema(), read_rows(site), revision(site.database)
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
        assert (site.schema(), revision(site.database)) == (schema, first_revision)

        again = site.supervisor("import", str(vendor.archive), "--notice-read", "--wait")
        assert again.returncode == 1
        assert site.story() == [recipe.OLD, "maintenance", recipe.OLD]


def add_column_by_hand(site: Site) -> None:
    """What a hospital should not do: alter the application's tables."""
    with closing(sqlite3.connect(site.database)) as connection:
        connection.execute("ALTER TABLE users ADD COLUMN user_info TEXT")
        connection.commit()
