"""Whatever the web account makes of its own files, root's worker is told of requests and of nothing else."""

import os
import sqlite3
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ospi_supervisor.errors import BackupError, StateError, WorkerStoppingError
from ospi_supervisor.hands.uploads import open_upload, remove_upload
from ospi_supervisor.jobs import door as door_module
from ospi_supervisor.jobs import trail as trail_module
from ospi_supervisor.jobs.door import Door
from ospi_supervisor.jobs.queue import Queue
from ospi_supervisor.jobs.trail import Trail
from ospi_supervisor.store.database import sqlite_url
from ospi_supervisor.store.web_store import WebStore
from tests.hands.accounts import NOBODY, as_account, give
from tests.hands.test_databases import HOT_JOURNAL

NOW = datetime(2026, 11, 29, tzinfo=UTC)


class Web:
    """The folders of the web account, nobody's here."""

    def __init__(self, root: Path) -> None:
        self.root, self.folder, self.queue = root, root / "web", root / "queue"
        self.db, self.uploads = self.folder / "web.db", self.folder / "uploads"
        for folder in (self.folder, self.queue, self.uploads):
            folder.mkdir()
            give(folder)
        store = WebStore(sqlite_url(self.db))
        for number in range(3):
            store.add_request("cancel", {"update_id": number}, source="import", by="alice", now=NOW)
        store.close()
        self.door = Door(self.queue / "huey.db", self.db)

    def change(self, sql: str) -> None:
        with closing(sqlite3.connect(self.db)) as connection:
            connection.executescript(sql)


@pytest.fixture
def web(tmp_path: Path) -> Web:
    return Web(tmp_path)


def test_requests_come_in_their_order_with_what_they_ask(web: Web) -> None:
    assert [(row.id, row.payload) for row in web.door.requests_after(1)] == [
        (2, {"update_id": 1}),
        (3, {"update_id": 2}),
    ]
    assert {path.stat().st_uid for path in (*web.folder.iterdir(), *web.queue.iterdir())} == {NOBODY}


def test_the_bell_tells_the_request_that_it_was_rung_for(web: Web) -> None:
    Queue(web.queue / "huey.db").ring(3)
    assert next(web.door.listen(lambda: None)).id == 3


def test_who_listens_may_be_stopped(web: Web) -> None:
    def stop() -> None:
        raise WorkerStoppingError

    with pytest.raises(WorkerStoppingError):
        next(web.door.listen(stop))


ENDLESS = """
ALTER TABLE request RENAME TO request_old;
CREATE VIEW request AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i > 0)
    SELECT i AS id, 'x' AS kind, '{}' AS payload, 's' AS source, 'b' AS requested_by, 0 AS requested_at
    FROM n WHERE i < 0;
"""


def test_a_view_without_an_end_in_the_tables_place_is_given_up(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door_module, "PATIENCE_SECONDS", 1.0)
    web.change(ENDLESS)
    with pytest.raises(BackupError, match="ne répond plus"):
        web.door.requests_after(0)


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE request SET requested_at = 'hier' WHERE id = 2",
        "UPDATE request SET kind = hex(zeroblob(5000)) WHERE id = 2",
        "UPDATE request SET requested_by = x'ff00' WHERE id = 2",
        "UPDATE request SET payload = '[1]' WHERE id = 2",
    ],
)
def test_what_is_no_request_keeps_no_other_waiting(web: Web, sql: str, caplog: pytest.LogCaptureFixture) -> None:
    web.change(sql)
    assert [row.id for row in web.door.requests_after(0)] == [1, 3]
    assert "among its requests is none" in caplog.text


NESTED = '\'{"a":' + "[" * 5000 + "]" * 5000 + "}'"


@pytest.mark.parametrize("payload", ["hex(zeroblob(100000))", "'{'", NESTED, NESTED.replace("[]", "", 4010)])
def test_a_payload_that_says_nothing_is_told_as_an_empty_one(web: Web, payload: str) -> None:
    """So that the worker refuses the request once, instead of meeting it each minute."""
    web.change(f"UPDATE request SET payload = {payload} WHERE id = 2")  # noqa: S608 - the attacker is us
    assert [row.payload for row in web.door.requests_after(1)] == [{}, {"update_id": 2}]


def test_a_crafted_journal_beside_webdb_deletes_nothing_of_roots(web: Web) -> None:
    victim = web.root / "only-root"
    victim.write_text("precious")
    web.change("PRAGMA journal_mode = DELETE")
    as_account(HOT_JOURNAL, web.db, victim)
    with suppress(BackupError):  # refused or read: what counts is the victim
        web.door.requests_after(0)
    assert victim.read_text() == "precious"


@pytest.mark.parametrize("name", ["web", "queue"])
def test_a_folder_swapped_for_a_link_leads_root_nowhere(web: Web, name: str) -> None:
    outside = web.root / "outside"
    outside.mkdir()
    (web.root / name).rename(web.root / "away")
    (web.root / name).symlink_to(outside)
    with pytest.raises((OSError, BackupError)):
        web.door.requests_after(0)
    assert list(outside.iterdir()) == []


def test_an_upload_is_opened_as_the_web_account_and_removed(web: Web) -> None:
    as_account("import sys; open(sys.argv[1], 'w').write('archive')", web.uploads / "ab")
    with open_upload(web.folder, web.uploads / "ab") as file:
        assert file.read() == b"archive"
    remove_upload(web.folder, web.uploads / "ab")
    remove_upload(web.folder, web.uploads / "ab")
    assert list(web.uploads.iterdir()) == []


def _plant(web: Web, trap: str) -> Path:
    path, secret = web.uploads / "ab", web.root / "secret"
    secret.write_text("root's")
    secret.chmod(0o600)
    if trap == "link":
        path.symlink_to(secret)
    elif trap == "hard link":
        os.link(secret, path)
    elif trap == "pipe":
        os.mkfifo(path)
    elif trap == "another's":
        path.write_text("root's")
    else:
        web.uploads.rmdir()
        web.uploads.symlink_to(web.root)
        return web.uploads / "secret"
    return path


@pytest.mark.parametrize("trap", ["link", "hard link", "pipe", "another's", "folder"])
def test_what_is_no_upload_is_not_opened(web: Web, trap: str) -> None:
    path = _plant(web, trap)
    with pytest.raises(OSError, match=r"."):
        open_upload(web.folder, path)


def test_removing_an_upload_removes_nothing_elsewhere(web: Web) -> None:
    path = _plant(web, "folder")
    with pytest.raises(OSError, match=r"Read-only|Permission"):
        remove_upload(web.folder, path)
    assert (web.root / "secret").read_text() == "root's"


def test_requests_are_told_though_a_power_cut_left_the_log_without_its_index(web: Web) -> None:
    """Before the web process is back, which would make it anew."""
    with closing(sqlite3.connect(web.db)) as writer:
        writer.execute(
            "INSERT INTO request SELECT 4, kind, payload, source, requested_by, requested_at FROM request WHERE id = 3"
        )
        writer.commit()
        log = (web.db.with_name("web.db-wal")).read_bytes()
    give(web.db)
    web.db.with_name("web.db-wal").write_bytes(log)
    give(web.db.with_name("web.db-wal"))
    assert [row.id for row in web.door.requests_after(3)] == [4]
    assert [path for path in web.folder.iterdir() if path.name.startswith("tmp")] == []


@pytest.mark.parametrize("beside", ["", "-wal", "-shm", "-journal"])
@pytest.mark.parametrize("name", ["web/web.db", "queue/huey.db"])
def test_a_pipe_in_a_files_place_holds_nobody_up(
    web: Web, monkeypatch: pytest.MonkeyPatch, name: str, beside: str
) -> None:
    monkeypatch.setattr(door_module, "PATIENCE_SECONDS", 1.0)
    Queue(web.queue / "huey.db").ring(3)
    path = Path(f"{web.root / name}{beside}")
    path.unlink(missing_ok=True)
    as_account("import os, sys; os.mkfifo(sys.argv[1])", path)
    with suppress(BackupError, OSError):
        web.door.requests_after(0)
    with suppress(BackupError, OSError):
        next(web.door.listen(lambda: None))


@pytest.mark.parametrize("trap", ["link", "pipe", "folder", "another's", "view"])
def test_what_diagnostics_ask_of_webdb_touches_nothing_of_roots(
    web: Web, monkeypatch: pytest.MonkeyPatch, trap: str
) -> None:
    monkeypatch.setattr(trail_module, "PATIENCE_SECONDS", 1.0)
    secret = web.root / "secret.db"
    with closing(sqlite3.connect(secret)) as connection:
        connection.execute("CREATE TABLE root (x)")
        connection.commit()
    before = (secret.read_bytes(), secret.stat())
    if trap == "view":
        web.change(ENDLESS)
    elif trap == "another's":
        web.db.unlink()
        os.link(secret, web.db)
    else:
        web.db.unlink()
        deed = {"link": "os.symlink(sys.argv[2], path)", "pipe": "os.mkfifo(path)", "folder": "os.mkdir(path)"}[trap]
        as_account(f"import os, sys; path = sys.argv[1]; {deed}", web.db, secret)
        assert os.path.lexists(web.db)
    with suppress(BackupError, StateError, OSError):
        assert "root" not in str(Trail(web.db).integrity())
    with suppress(BackupError, StateError, OSError):
        Trail(web.db).record_action("diagnostic", by="root", at=NOW, detail="", allowed=True)
    after = (secret.read_bytes(), secret.stat())
    assert (after[0], after[1].st_uid, after[1].st_mode) == (before[0], before[1].st_uid, before[1].st_mode)


def test_nothing_is_told_of_a_newer_database(web: Web) -> None:
    web.change("INSERT INTO schema_migration (name, applied) VALUES ('9999_x', '2030-01-01'); VACUUM")
    with pytest.raises(BackupError, match="format plus récent"):
        web.door.requests_after(0)
