"""The intake: durable offsets, early verdicts, and nothing left behind."""

import os
import shutil
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from ospi_supervisor.archive.header import Header
from ospi_supervisor.domain.prerequisites import Judgement
from ospi_supervisor.errors import PlatformError, RefusedError, StateError
from ospi_supervisor.store.web_rows import UploadRow
from ospi_supervisor.uploads import LIFETIME, Uploads
from tests.support.site import Archives, Site, now
from tests.support.tmpfs import small_disk


@pytest.fixture
def uploads(site: Site) -> Uploads:
    return site.operations.uploads


def send(uploads: Uploads, archive: Path, slice_bytes: int = 700_001) -> UploadRow:
    """All of a file, in slices that fall on no boundary of the archive."""
    data = archive.read_bytes()
    row = uploads.create(archive.name, len(data), "admin")
    while row.verdict != "refused" and row.offset < len(data):
        row = uploads.append(row.id, row.offset, data[row.offset : row.offset + slice_bytes])
    return row


def files(site: Site) -> list[Path]:
    folder = site.config.paths.uploads_dir
    return list(folder.iterdir()) if folder.exists() else []


def test_a_good_archive_is_proven_as_it_arrives(uploads: Uploads, archives: Archives) -> None:
    data = archives.large.read_bytes()
    row = uploads.create("a.ospi", len(data), "admin")
    proven = [0]
    while row.offset < len(data):
        row = uploads.append(row.id, row.offset, data[row.offset : row.offset + 700_001])
        uploads._settling.finish(row.id)
        proven.append(uploads.get(row.id).proven)
    assert proven == sorted(proven)
    assert len(set(proven)) > 3
    assert row.complete
    assert uploads.path(row.id).read_bytes() == data


def test_a_pack_altered_in_the_middle_is_refused_when_it_is_there(
    site: Site, uploads: Uploads, archives: Archives, tmp_path: Path
) -> None:
    data = bytearray(archives.large.read_bytes())
    data[-300_000] ^= 1
    altered = tmp_path / "altered.ospi"
    altered.write_bytes(data)
    row = send(uploads, altered)
    assert (row.verdict, row.code) == ("refused", "tampered")
    assert row.release is not None
    assert files(site) == []


def test_another_process_goes_on_where_this_one_stopped(site: Site, uploads: Uploads, archives: Archives) -> None:
    data = archives.large.read_bytes()
    row = uploads.create("a.ospi", len(data), "admin")
    row = uploads.append(row.id, 0, data[:1_500_000])
    restarted = Uploads(
        site.config, site.operations.web, trust=site.operations.trust, judge=site.operations.judge, clock=now
    )
    assert restarted.get(row.id).offset == 1_500_000
    assert restarted.append(row.id, 1_500_000, data[1_500_000:]).complete


def test_the_verdict_counts_what_is_still_to_arrive(site: Site, archives: Archives) -> None:
    asked: list[int] = []

    def judge(header: Header, to_come: int) -> list[Judgement]:
        asked.append(to_come)
        return site.operations.judge(header, to_come)

    uploads = Uploads(site.config, site.operations.web, trust=site.operations.trust, judge=judge, clock=now)
    assert send(uploads, archives.large).complete
    uploads.adopt_file(archives.large, "root")
    assert asked == [archives.large.stat().st_size - 700_001, 0]


def test_bytes_beyond_the_recorded_offset_are_written_again(uploads: Uploads, archives: Archives) -> None:
    """What a crash between the bytes and their record leaves behind does no harm."""
    data = archives.good.read_bytes()
    row = uploads.create("a.ospi", len(data), "admin")
    uploads.path(row.id).write_bytes(b"reste" * 1000)
    assert uploads.append(row.id, 0, data).complete
    assert uploads.path(row.id).read_bytes()[: len(data)] == data


@pytest.mark.parametrize("offset", [5, -1])
def test_only_the_next_byte_is_taken(uploads: Uploads, offset: int) -> None:
    row = uploads.create("a.ospi", 10, "admin")
    with pytest.raises(RefusedError) as refusal:
        uploads.append(row.id, offset, b"abc")
    assert refusal.value.code == "offset"


def test_two_at_once_on_one_upload_never_mix(uploads: Uploads, archives: Archives) -> None:
    data = archives.large.read_bytes()
    row = uploads.create("a.ospi", len(data), "admin")
    outcomes: list[str] = []

    def append() -> None:
        try:
            uploads.append(row.id, 0, data[:1_000_000])
            outcomes.append("ok")
        except RefusedError as error:
            outcomes.append(error.code)

    threads = [threading.Thread(target=append) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count("ok") == 1
    assert set(outcomes) <= {"ok", "in_progress", "offset"}
    assert uploads.get(row.id).offset == 1_000_000


@pytest.mark.parametrize("name", ["unsigned", "foreign_key", "tampered", "truncated", "decompressed", "empty"])
def test_a_local_file_is_judged_alike(site: Site, uploads: Uploads, archives: Archives, name: str) -> None:
    row = uploads.adopt_file(archives.bad[name], "root")
    assert (row.verdict, row.code) == ("refused", name)
    assert files(site) == []


def test_a_local_file_is_copied_not_taken(uploads: Uploads, archives: Archives) -> None:
    row = uploads.adopt_file(archives.large, "root")
    assert row.complete
    assert uploads.path(row.id).read_bytes() == archives.large.read_bytes()


def test_a_local_file_that_cannot_be_read_is_refused(uploads: Uploads, tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="illisible"):
        uploads.adopt_file(tmp_path / "absent.ospi", "root")


def test_a_local_file_that_cannot_be_taken_leaves_nothing(site: Site, uploads: Uploads, archives: Archives) -> None:
    (site.folder / "platform/current").unlink()
    with pytest.raises(PlatformError, match="adopt"):
        uploads.adopt_file(archives.good, "root")
    assert (files(site), site.operations.web.uploads()) == ([], [])


def test_a_local_files_name_may_be_of_any_bytes(uploads: Uploads, archives: Archives, tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/mise \xe0 jour.ospi"))
    shutil.copy(archives.good, path)
    assert uploads.adopt_file(path, "root").filename == "mise ? jour.ospi"


def test_a_missing_prerequisite_refuses_and_says_what_to_do(tmp_path: Path, platform: str, archives: Archives) -> None:
    site = Site(tmp_path / "site", platform, archives.root, cores=4096)
    row = send(site.operations.uploads, archives.good)
    assert (row.verdict, row.code) == ("refused", "prerequisites")
    assert "Attribuez davantage de cœurs" in row.reasons[0]
    assert files(site) == []
    site.close()


def test_the_notice_is_acknowledged_once_by_the_first(uploads: Uploads, archives: Archives) -> None:
    row = send(uploads, archives.good)
    first = uploads.acknowledge_notice(row.id, "alice")
    again = uploads.acknowledge_notice(row.id, "bob")
    assert (again.notice_read_by, again.notice_read_at) == ("alice", first.notice_read_at)


def test_a_notice_that_has_not_arrived_cannot_be_acknowledged(uploads: Uploads) -> None:
    row = uploads.create("a.ospi", 100_000, "admin")
    with pytest.raises(RefusedError) as refusal:
        uploads.acknowledge_notice(row.id, "alice")
    assert refusal.value.code == "not_yet"


def test_what_is_old_goes_and_what_is_asked_for_stays(site: Site, uploads: Uploads, archives: Archives) -> None:
    old, asked = send(uploads, archives.good), send(uploads, archives.good)
    uploads.acknowledge_notice(asked.id, "admin")
    wanted = uploads.want_import(asked.id, "admin", now() + timedelta(days=30))
    uploads.note_request(wanted, request=1, error=None)
    (site.config.paths.uploads_dir / "reste").touch()
    assert uploads.expire(now() + LIFETIME + timedelta(minutes=1)) == 1
    assert [path.name for path in files(site)] == [asked.id]
    with pytest.raises(RefusedError, match="inconnu"):
        uploads.get(old.id)


def test_a_file_is_copied_into_no_other_than_the_one_made_for_it(
    uploads: Uploads, archives: Archives, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder is the web process's account's, and who copies may be root."""
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")

    def replace_by_a_link(path: Path) -> None:
        path.unlink()
        path.symlink_to(victim)

    uploads.create("a.ospi", 1, "root")  # so that the folder is there
    monkeypatch.setattr("ospi_supervisor.uploads.give_to_owner_of_folder", replace_by_a_link)
    uploads.adopt_file(archives.good, "root")
    assert victim.read_bytes() == b"precious"


def test_an_upload_that_begins_while_old_ones_go_keeps_its_bytes(
    uploads: Uploads, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, created = uploads._store.uploads, []

    def read_then_another_begins() -> list[UploadRow]:
        rows = read()
        created.append(uploads.create("a.ospi", 10, "admin"))
        return rows

    uploads.create("b.ospi", 10, "admin")
    monkeypatch.setattr(uploads._store, "uploads", read_then_another_begins)
    uploads.expire(now())
    assert uploads.append(created[0].id, 0, b"abc").offset == 3


def test_an_upload_that_lost_its_bytes_is_to_begin_anew(uploads: Uploads) -> None:
    row = uploads.create("a.ospi", 10, "admin")
    uploads.path(row.id).unlink()
    with pytest.raises(RefusedError) as refusal:
        uploads.append(row.id, 0, b"abc")
    assert refusal.value.code == "unknown"
    uploads.abandon(row.id)


@pytest.mark.parametrize("method", ["change_upload", "remove_upload"])
def test_bytes_go_only_once_that_is_recorded(
    uploads: Uploads, archives: Archives, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    def full(*_: object, **__: object) -> None:
        raise StateError("disque plein")

    data = archives.bad["unsigned"].read_bytes()
    row = uploads.create("a.ospi", len(data), "admin")
    monkeypatch.setattr(uploads._store, method, full)
    act: dict[str, Callable[[], object]] = {
        "change_upload": lambda: uploads.append(row.id, 0, data),
        "remove_upload": lambda: uploads.abandon(row.id),
    }
    with pytest.raises(StateError):
        act[method]()
    assert uploads.path(row.id).exists()


def test_what_is_settled_while_it_is_looked_at_counts(uploads: Uploads, monkeypatch: pytest.MonkeyPatch) -> None:
    row = uploads.create("a.ospi", 10, "admin")
    read, waiting = uploads._store.upload, [5]

    def read_then_settled(upload_id: str) -> UploadRow | None:
        found = read(upload_id)
        waiting[0] = 0
        return found

    monkeypatch.setattr(uploads._store, "upload", read_then_settled)
    monkeypatch.setattr(uploads._settling, "arrived", lambda _: waiting[0])
    assert uploads.get(row.id).offset == 5


def test_an_upload_asked_for_cannot_be_given_up(uploads: Uploads, archives: Archives) -> None:
    row = send(uploads, archives.good)
    uploads.acknowledge_notice(row.id, "admin")
    uploads.note_request(uploads.want_import(row.id, "admin", None), request=1, error=None)
    with pytest.raises(RefusedError, match="déjà demandée"):
        uploads.abandon(row.id)


def test_one_caller_asks_the_worker_and_a_refusal_lets_the_next_one_ask(
    uploads: Uploads, archives: Archives, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = send(uploads, archives.good)
    uploads.acknowledge_notice(row.id, "admin")
    assert uploads.claim_import(row.id) is None
    uploads.want_import(row.id, "admin", None)
    claimed = uploads.claim_import(row.id)
    assert claimed is not None
    assert uploads.want_import(row.id, "bob", None).import_requested == claimed.import_requested
    assert uploads.claim_import(row.id) is None
    uploads.note_request(claimed, request=None, error="non")
    assert uploads.claim_import(row.id) is not None
    monkeypatch.setattr("ospi_supervisor.uploads.CLAIM_LASTS", timedelta(0))
    again = uploads.claim_import(row.id)
    assert again is not None, "whoever claimed it has died"
    assert uploads.note_request(again, request=7, error=None).request == 7
    assert uploads.claim_import(row.id) is None


@pytest.mark.system
def test_without_room_an_upload_is_refused_before_a_byte_is_sent(
    tmp_path: Path, platform: str, archives: Archives
) -> None:
    with small_disk(tmp_path / "disk", "4m") as folder:
        site = Site(folder / "site", platform, archives.root)
        with pytest.raises(RefusedError) as refusal:
            site.operations.uploads.create("a.ospi", 50_000_000, "admin")
        assert refusal.value.code == "no_room"
        assert site.operations.web.uploads() == []
        site.close()
