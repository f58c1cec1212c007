"""`web.db`: what goes in comes out, from any thread, and requests keep their order."""

import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ospi_supervisor.domain.manifest import ArchiveKind, ReleaseSummary
from ospi_supervisor.errors import RefusedError
from ospi_supervisor.store.searches import AuditSearch
from ospi_supervisor.store.web_rows import ImportWish, UploadRow
from ospi_supervisor.store.web_store import WebStore
from tests.support.system import require_root

DONE, REFUSED = AuditSearch(allowed=True), AuditSearch(allowed=False)
NOW = datetime(2026, 11, 20, 12, 0, 0, 123456, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[WebStore]:
    store = WebStore(f"sqlite:///{tmp_path}/web/web.db")
    yield store
    store.close()


def upload(name: str = "a") -> UploadRow:
    return UploadRow(id=name, filename="mise à jour.ospi", size=10, created_by="alice", created_at=NOW, expires_at=NOW)


def test_an_upload_comes_out_as_it_went_in(store: WebStore) -> None:
    store.add_upload(upload())
    assert store.upload("a") == upload()
    release = ReleaseSummary(
        product="portail", version="11.6.0", kind=ArchiveKind.FULL, requires=">=11", support_until=date(2030, 1, 31)
    )
    wish = ImportWish(by="alice", start_at=NOW, request=7)
    changes: dict[str, Any] = {
        "reasons": ("trop « court »",),
        "release": release,
        "import_requested": wish,
        "notice_read_at": NOW,
    }
    changed = store.change_upload("a", offset=3, **changes)
    assert changed == replace(upload(), offset=3, **changes)
    assert store.upload("a") == changed
    assert store.upload("b") is None


def test_changing_an_upload_that_is_gone_is_refused(store: WebStore) -> None:
    with pytest.raises(RefusedError, match="n'existe plus"):
        store.change_upload("a", offset=3)


def test_an_upload_is_complete_once_proven_whole() -> None:
    row = upload()
    for changes, complete in (
        ({"offset": 10, "proven": 10, "verdict": "accepted"}, True),
        ({"offset": 10, "proven": 8, "verdict": "accepted"}, False),
        ({"offset": 10, "proven": 10, "verdict": "pending"}, False),
    ):
        assert UploadRow(**(vars(row) | changes)).complete is complete


def test_requests_keep_their_order(store: WebStore) -> None:
    numbers = [store.add_request("import", {"n": n}, source="import", by="alice", now=NOW) for n in range(3)]
    assert numbers == sorted(numbers)
    assert [request.payload["n"] for request in store.requests_after(numbers[0])] == [1, 2]
    request = store.request(numbers[0])
    assert request is not None
    assert (request.kind, request.source, request.requested_by, request.requested_at) == (
        "import",
        "import",
        "alice",
        NOW,
    )
    assert store.request(99) is None


def test_the_audit_gives_the_newest_first(store: WebStore) -> None:
    for number in range(5):
        store.record_action(f"action {number}", actor="alice", now=NOW + timedelta(seconds=number), allowed=number != 3)
    assert [(line.action, line.allowed) for line in store.audit(2)] == [("action 4", True), ("action 3", False)]


def test_the_audit_is_read_on_from_any_line_and_by_kind(store: WebStore) -> None:
    for number in range(6):
        store.record_action(f"action {number}", actor="alice", now=NOW, allowed=number % 2 == 0)
    newest = store.audit(1)[0]
    assert [line.action for line in store.audit(2, before=newest.id)] == ["action 4", "action 3"]
    assert [line.action for line in store.audit(9, search=DONE)] == [
        "action 4",
        "action 2",
        "action 0",
    ]
    assert [line.action for line in store.audit(9, before=newest.id, search=REFUSED)] == [
        "action 3",
        "action 1",
    ]


def test_refusals_are_forgotten_each_kind_for_itself_and_actions_never(store: WebStore) -> None:
    store.record_action("connexion", actor="alice", now=NOW)
    store.record_action("archive refusée", actor="alice", now=NOW, allowed=False)
    for number in range(9):
        store.record_action("connexion refusée", actor=f"inconnu{number}", now=NOW, allowed=False)
        store.record_action("connexion", actor="alice", now=NOW)
    store.forget_refusals(2)
    assert [line.actor for line in store.audit(99, search=REFUSED)] == [
        "inconnu8",
        "inconnu7",
        "alice",
    ]
    assert len(store.audit(99, search=DONE)) == 10


def test_a_name_is_taken_once(store: WebStore) -> None:
    store.add_account("alice", "x", (), NOW)
    with pytest.raises(RefusedError, match="existe déjà"):
        store.add_account("alice", "y", (), NOW)
    assert store.password_hash("alice") == "x"
    assert store.password_hash("bob") is None


@pytest.mark.parametrize("act", ["set_password", "remove_account"])
def test_an_unknown_account_is_refused(store: WebStore, act: str) -> None:
    with pytest.raises(RefusedError, match="pas de compte"):
        store.set_password("bob", "x") if act == "set_password" else store.remove_account("bob")


def test_old_sessions_and_failures_are_forgotten(store: WebStore) -> None:
    store.add_account("alice", "x", (), NOW)
    store.open_session("alice", "x", "old", "10.0.0.1", NOW - timedelta(days=2))
    store.open_session("alice", "x", "new", "10.0.0.1", NOW)
    store.record_failure("alice", "10.0.0.1", NOW - timedelta(days=2))
    store.forget_before(NOW - timedelta(days=1), NOW - timedelta(days=1))
    assert store.session("old") is None
    assert store.session("new")
    assert store.failures_from("10.0.0.1", NOW - timedelta(days=9)) == []


def test_many_threads_write_at_once(store: WebStore) -> None:
    def write(number: int) -> None:
        for _ in range(20):
            store.add_request("import", {"thread": number}, source="import", by="alice", now=NOW)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(store.requests_after(0)) == 160


def test_what_was_written_is_there_for_the_next_process(tmp_path: Path, store: WebStore) -> None:
    store.add_upload(upload())
    store.close()
    again = WebStore(f"sqlite:///{tmp_path}/web/web.db")
    assert again.upload("a") == upload()
    again.close()


def test_what_root_makes_belongs_to_the_web_account(tmp_path: Path) -> None:
    require_root("only it can give files away")
    folder = tmp_path / "owned"
    folder.mkdir()
    os.chown(folder, 1234, 1234)
    store = WebStore(f"sqlite:///{folder}/web.db")
    store.add_account("alice", "x", (), NOW)
    assert {path.stat().st_uid for path in folder.iterdir()} == {1234}
    store.close()
