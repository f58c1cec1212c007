"""The intake: durable offsets, early verdicts, and nothing left behind."""

import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from ospi_supervisor.archive.header import Header
from ospi_supervisor.domain.prerequisites import Judgement
from ospi_supervisor.errors import RefusedError, StateError
from ospi_supervisor.operations.uploads import LIFETIME, Uploads
from ospi_supervisor.store.web_rows import ImportWish, UploadRow
from tests.support.site import Archives, Site, now
from tests.support.tmpfs import fill, small_disk


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
        uploads._write_behind.finish(row.id)
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
        site.config, site.operations.web, trust=site.operations.trust, verdicts=site.operations.verdicts, clock=now
    )
    assert restarted.get(row.id).offset == 1_500_000
    assert restarted.append(row.id, 1_500_000, data[1_500_000:]).complete


@pytest.mark.parametrize("keeps_room", [True, False])
def test_the_verdict_counts_the_room_that_is_still_to_be_found(
    site: Site, archives: Archives, monkeypatch: pytest.MonkeyPatch, keeps_room: bool
) -> None:
    if not keeps_room:  # as on a file system that cannot
        monkeypatch.setattr("ospi_supervisor.operations.uploads.reserve", lambda descriptor, size: None)
    asked: list[int] = []

    def verdicts(header: Header, to_come: int) -> list[Judgement]:
        asked.append(to_come)
        return site.operations.verdicts(header, to_come)

    uploads = Uploads(site.config, site.operations.web, trust=site.operations.trust, verdicts=verdicts, clock=now)
    assert send(uploads, archives.large).complete
    uploads.adopt_file(archives.large, "root")
    missing = 0 if keeps_room else archives.large.stat().st_size - 700_001
    assert missing - 4096 < asked[0] <= missing, "to a block"
    assert asked[1:] == [0]


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
    imports = site.operations.imports
    wanted = imports.want(asked.id, ImportWish(by="admin", start_at=now() + timedelta(days=30)))
    imports.note_request(wanted, request=1, error=None)
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
    monkeypatch.setattr("ospi_supervisor.operations.uploads.give_to_owner_of_folder", replace_by_a_link)
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
    monkeypatch.setattr(uploads._write_behind, "arrived", lambda _: waiting[0])
    assert uploads.get(row.id).offset == 5


def test_an_upload_asked_for_cannot_be_given_up(site: Site, uploads: Uploads, archives: Archives) -> None:
    row = send(uploads, archives.good)
    uploads.acknowledge_notice(row.id, "admin")
    imports = site.operations.imports
    imports.note_request(imports.want(row.id, ImportWish(by="admin")), request=1, error=None)
    with pytest.raises(RefusedError, match="déjà demandée"):
        uploads.abandon(row.id)


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


@pytest.mark.system
def test_room_is_kept_for_an_upload_once_it_is_created(tmp_path: Path, platform: str, archives: Archives) -> None:
    data = archives.large.read_bytes()
    with small_disk(tmp_path / "disk", f"{len(data) * 3 // 2 // 1024}k") as folder:
        site = Site(tmp_path / "site", platform, archives.root)
        site.config.paths.uploads_dir.parent.mkdir(parents=True, exist_ok=True)
        site.config.paths.uploads_dir.symlink_to(folder)
        uploads = site.operations.uploads
        row = uploads.create("a.ospi", len(data), "admin")
        with pytest.raises(RefusedError) as refusal:
            uploads.create("b.ospi", len(data), "admin")
        assert refusal.value.code == "no_room"
        fill(folder)
        assert uploads.append(row.id, 0, data).complete
        site.close()
