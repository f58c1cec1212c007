"""Promise: what version 0.1.0 left is all there after the change of version; what a newer one left is untouched."""

import json
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from ospi_supervisor import __version__
from ospi_supervisor.archive.tree import TreeRecord
from ospi_supervisor.backup import inventory
from ospi_supervisor.backup.inventory import FORMAT
from ospi_supervisor.bootstrap.operations import make_diagnostics, make_operations
from ospi_supervisor.cli import main
from ospi_supervisor.config.tables import load_config
from ospi_supervisor.errors import BackupError, NewerFormatError, StateError
from ospi_supervisor.store.database import sqlite_url
from ospi_supervisor.store.engine_store import EngineStore
from ospi_supervisor.web import create_app
from ospi_supervisor.web.serving.server import mount
from tests.support.old_state import lay_out_old_site
from tests.support.site import PASSWORD, PREFIX, Browser

NEWER = "INSERT INTO schema_migration (name, applied) VALUES ('9999_x', '2030-01-01 00:00:00')"
ASKING = ("check", "user list", "cancel 3", "resume 2", "adopt 11.5.0", "backup create")
READING = ("status", "history", "log 1", "auto status", "maintenance status", "unlock --challenge")
"""Commands that open nothing but the engine's database."""
PAGES = ("", "mises-a-jour/import", "mises-a-jour/suivi", "mises-a-jour/historique", "sauvegardes", "api/status")


class OldSite:
    """The folder of a supervisor of 0.1.0, and this version's web process upon it."""

    def __init__(self, folder: Path, platform: str) -> None:
        self.facts = lay_out_old_site(folder)
        self.config_path = folder / "supervisor.toml"
        text = self.config_path.read_text()
        self.config_path.write_text(re.sub(r"http://127\.0\.0\.1:[0-9]+/", platform, text))
        self.config = load_config(self.config_path)
        self.parts: list[Any] = []

    def worker_starts(self) -> EngineStore:
        """Open the engine's database as the worker does."""
        self.parts.append(store := EngineStore(sqlite_url(self.config.paths.engine_db)))
        return store

    def browser(self) -> Browser:
        """The browser that signed in to 0.1.0, its session used a moment ago."""
        change(self.config.paths.web_db, "UPDATE session SET seen_at = ?", datetime.now(UTC).isoformat())
        operations = make_operations(self.config)
        bundle = make_diagnostics(self.config, operations.reader, operations.status).bundle
        app = create_app(self.config, operations, bundle)
        self.parts += [operations.web, operations.reader]
        browser = Browser(mount(app, self.config))
        browser.client.set_cookie("ospi_superviseur", self.facts["cookie"], path=PREFIX)
        return browser

    def run(self, *arguments: str, typed: str = "") -> tuple[int, str]:
        """A command; its exit code and all that it says."""
        command = ["--config", str(self.config_path), *arguments]
        result = CliRunner().invoke(main, command, prog_name="ospi-supervisor", input=typed)
        return result.exit_code, result.output

    def close(self) -> None:
        for part in self.parts:
            part.close()


@pytest.fixture
def old(tmp_path: Path, platform: str) -> Iterator[OldSite]:
    site = OldSite(tmp_path, platform)
    yield site
    site.close()


def change(path: Path, statement: str, *values: str) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(statement, values)


def contents(folder: Path) -> dict[str, bytes]:
    """All files; not what lies in the index of a write-ahead log, which any reader makes anew."""
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    return {str(path): b"" if path.name.endswith("-shm") else path.read_bytes() for path in files}


def documents(browser: Browser, address: str) -> Any:
    return json.loads(browser.get(address).text)


def test_the_browser_is_signed_in_and_finds_everything(old: OldSite) -> None:
    old.worker_starts()
    browser = old.browser()
    assert browser.get("mises-a-jour/historique").status_code == 200
    updates = {row["id"]: row["status"] for row in documents(browser, "api/updates")}
    assert updates == {1: "succeeded", 2: "rolled_back", 3: "scheduled"}
    status = documents(browser, "api/status")
    assert (status["version"], status["lock"]["challenge"]) == ("11.5.0", old.facts["challenge"])
    planned = documents(browser, "api/updates/3")
    assert (planned["to"], planned["start_at"]) == ("11.6.0", "2099-01-01T03:00:00+00:00")
    with closing(sqlite3.connect(old.config.paths.engine_db)) as database:
        assert database.execute("SELECT name, value FROM settinginforce").fetchall() == [("automatic_update", "on")]


def test_the_upload_under_way_goes_on(old: OldSite) -> None:
    old.worker_starts()
    browser = old.browser()
    browser.get("mises-a-jour/import")
    upload, offset = old.facts["upload"], old.facts["offset"]
    assert browser.tus("HEAD", upload).headers["Upload-Offset"] == str(offset)
    rest = (old.config_path.parent / "good.ospi").read_bytes()[offset:]
    answer = browser.slice(upload, offset, rest)
    assert answer.status_code == 204, answer.text
    found = browser.document(upload)
    assert (found["offset"], found["release"]["version"]) == (old.facts["size"], "11.6.0")
    assert browser.document(old.facts["complete"])["verdict"] == "accepted"


def test_accounts_are_there_and_their_passwords_are_to_be_replaced(old: OldSite) -> None:
    listed = json.loads(old.run("user", "list", "--json")[1])
    assert [(row["username"], row["groups"], row["must_renew"]) for row in listed] == [
        ("admin", ["administration system"], True),
        ("infirmier", ["soins"], True),
    ]
    old.worker_starts()
    browser = old.browser()
    browser.client.delete_cookie("ospi_superviseur", path=PREFIX)
    refused = browser.sign_in("admin")
    assert refused.status_code == 401
    assert "ospi-supervisor user password" in refused.text
    assert old.run("user", "password", "admin", typed=PASSWORD)[0] == 0
    assert old.browser().sign_in("admin").status_code == 303


def test_backups_records_and_the_release_are_there(old: OldSite) -> None:
    snapshot = old.facts["snapshot"]
    folder = old.config.backup.directory / snapshot
    before = contents(old.config_path.parent / "backups")
    assert inventory.load(folder).release == "11.5.0"
    assert snapshot in old.run("backup", "list")[1]
    assert old.run("backup", "verify", snapshot)[0] == 0
    assert contents(old.config_path.parent / "backups") == before
    record = TreeRecord.load(old.config.paths.records_dir / "11.5.0.record")
    assert b"VERSION" in record.items
    record.save(old.config.paths.records_dir / "11.5.0.record")
    assert TreeRecord.load(old.config.paths.records_dir / "11.5.0.record") == record


def test_a_backups_record_of_any_version_is_read_or_told(old: OldSite, tmp_path: Path) -> None:
    folder = old.config.backup.directory / old.facts["snapshot"]
    file = folder / "snapshot.json"
    document = json.loads(file.read_text())
    document |= {"format": FORMAT, "written_by": __version__, "since": 1}
    file.write_text(json.dumps(document))
    assert inventory.load(folder).id == folder.name
    file.write_text(json.dumps(document | {"format": FORMAT + 1, "written_by": "7.8.9", "sha256": 0}))
    with pytest.raises(BackupError, match=r"la version 7\.8\.9 de Superviseur"):
        inventory.load(folder)
    document["snapshot"]["release"] = "11.5.1"
    file.write_text(json.dumps(document))
    with pytest.raises(BackupError, match="endommagée"):
        inventory.load(folder)


def test_a_releases_record_of_a_newer_version_is_told(old: OldSite) -> None:
    path = old.config.paths.records_dir / "11.5.0.record"
    path.write_bytes(b"\x82\xa6format\x63\xaawritten_by\xa57.8.9")
    with pytest.raises(NewerFormatError, match=r"relevé de version .* la version 7\.8\.9"):
        TreeRecord.load(path)
    code, words = old.run("verify-release")
    assert (code, "7.8.9" in words) == (1, True)


def newer_databases(old: OldSite) -> dict[str, Path]:
    old.worker_starts().close()
    assert old.run("user", "list")[0] == 0
    paths = old.config.paths
    return {"engine": paths.engine_db, "web": paths.web_db, "queue": paths.queue_db}


@pytest.mark.parametrize("which", ["engine", "web", "queue"])
def test_a_newer_database_is_refused_by_every_command_that_opens_it_and_nothing_changes(
    old: OldSite, which: str
) -> None:
    path = newer_databases(old)[which]
    change(path, NEWER)
    change(path, "UPDATE written_by SET program = '7.8.9'")
    before = contents(path.parent)
    for command in (*ASKING, *(READING if which == "engine" else ())):
        code, words = old.run(*command.split())
        assert code == 1, (command, words)
        assert "c'est la version 7.8.9 de Superviseur qui l'a écrit" in words, (command, words)
        assert len(words.splitlines()) == 1 or command == "check", (command, words)
    assert contents(path.parent) == before


def test_every_page_says_that_the_engines_database_is_newer(old: OldSite) -> None:
    old.worker_starts().close()
    browser = old.browser()
    change(old.config.paths.engine_db, NEWER)
    before = contents(old.config.paths.engine_dir)
    for page in (
        "",
        "mises-a-jour/import",
        "mises-a-jour/suivi",
        "mises-a-jour/historique",
        "sauvegardes",
        "api/status",
    ):
        answer = browser.get(page)
        assert answer.status_code == 503, page
        assert "est d'un format plus récent" in answer.text.replace("&#39;", "'"), page
    assert contents(old.config.paths.engine_dir) == before


@pytest.mark.parametrize("start", ["web", "worker"])
def test_neither_process_starts_on_a_newer_database_of_its_own(old: OldSite, start: str) -> None:
    paths = newer_databases(old)
    change(paths["web" if start == "web" else "engine"], NEWER)
    starters: dict[str, Callable[[], Any]] = {"web": old.browser, "worker": old.worker_starts}
    with pytest.raises(StateError, match="format plus récent"):
        starters[start]()
