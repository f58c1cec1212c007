"""Durable files."""

import errno
import multiprocessing
import os
import signal
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event

import pytest

from ospi_supervisor.system import files
from ospi_supervisor.system.files import (
    durable_tree,
    fsync_dir,
    give_to_owner_of_folder,
    remove_unfinished,
    sync_tree,
    write_at,
    write_atomically,
)
from tests.support.system import require_root
from tests.support.tmpfs import small_disk


def test_a_file_is_replaced_whole_with_its_mode(tmp_path: Path) -> None:
    target = tmp_path / "record.json"
    target.write_bytes(b"old")

    write_atomically(target, b"new", mode=0o640)

    assert target.read_bytes() == b"new"
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    assert list(tmp_path.iterdir()) == [tmp_path / "record.json"]


def test_a_failed_replacement_leaves_the_old_and_nothing_beside(tmp_path: Path) -> None:
    target = tmp_path / "folder"
    target.mkdir()

    with pytest.raises(OSError, match="folder"):
        write_atomically(target, b"new")

    assert list(tmp_path.iterdir()) == [tmp_path / "folder"]


def _killed_while_it_writes(target: Path) -> None:
    os.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
    write_atomically(target, b"new")


def test_what_a_killed_writer_left_is_found_and_removed(tmp_path: Path) -> None:
    target = tmp_path / "record.json"
    target.write_bytes(b"old")
    writer = multiprocessing.get_context("forkserver").Process(target=_killed_while_it_writes, args=[target])
    writer.start()
    writer.join(30)
    assert len(list(tmp_path.iterdir())) == 2

    remove_unfinished(tmp_path)
    remove_unfinished(tmp_path / "absent")

    assert list(tmp_path.iterdir()) == [target]
    assert target.read_bytes() == b"old"


def test_syncing_accepts_real_folders_and_reports_missing_ones(tmp_path: Path) -> None:
    fsync_dir(tmp_path)
    sync_tree(tmp_path)

    with pytest.raises(FileNotFoundError):
        fsync_dir(tmp_path / "absent")
    with pytest.raises(FileNotFoundError):
        sync_tree(tmp_path / "absent")


@pytest.fixture
def promising_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 MiB for which there are 6: what is written is lost when it is synced."""
    require_root("only it can mount a disk")
    with small_disk(tmp_path / "memory", "6m") as memory:
        image, folder = memory / "disk.img", tmp_path / "disk"
        image.touch()
        os.truncate(image, 64 << 20)
        subprocess.run(["mkfs.ext4", "-q", "-F", "-O", "^has_journal", str(image)], check=True)
        folder.mkdir()
        subprocess.run(["mount", "-o", "loop", str(image), str(folder)], check=True)
        try:
            yield folder
        finally:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)


def lose(disk: Path, then: Callable[[], None]) -> None:
    with durable_tree(disk):
        (disk / "lost").write_bytes(os.urandom(16 << 20))
        then()


LOST = "nput/output|No space left"
"""A loop device says either of the two."""


def test_a_lost_write_is_reported_though_somebody_else_heard_of_it(promising_disk: Path) -> None:
    def somebody_else() -> None:
        with pytest.raises(OSError, match=LOST):
            sync_tree(promising_disk)

    with pytest.raises(OSError, match=LOST):
        lose(promising_disk, somebody_else)
    with durable_tree(promising_disk):  # that one was reported
        pass


def test_a_lost_write_is_reported_though_it_was_noticed_on_the_way(
    promising_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    noticed = Event()

    def note(descriptor: int, path: Path) -> None:
        try:
            sync(descriptor, path)
        except OSError:
            noticed.set()
            raise

    def wait() -> None:
        assert noticed.wait(60)

    sync = files._sync_file_system
    monkeypatch.setattr(files, "_sync_file_system", note)
    monkeypatch.setattr(files, "SYNC_INTERVAL_SECONDS", 0.01)
    with pytest.raises(OSError, match=LOST):
        lose(promising_disk, wait)


def test_what_the_block_raises_is_raised(tmp_path: Path) -> None:
    with pytest.raises(KeyError), durable_tree(tmp_path):
        raise KeyError


def test_what_root_makes_is_given_away_but_not_what_a_link_points_to(tmp_path: Path) -> None:
    require_root("only it can give files away")
    folder, precious = tmp_path / "web", tmp_path / "precious"
    folder.mkdir()
    os.chown(folder, 1234, 1234)
    precious.touch()
    made, link = folder / "made", folder / "link"
    made.touch()
    link.symlink_to(precious)

    for path in (made, link):
        give_to_owner_of_folder(path)

    assert (made.stat().st_uid, link.lstat().st_uid) == (1234, 1234)
    assert precious.stat().st_uid == 0


def test_a_write_that_fails_keeps_no_view_of_its_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    (tmp_path / "upload").touch()
    data = bytearray(b"tranche")
    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(OSError, match="No space") as error, memoryview(data) as view:
        write_at(tmp_path / "upload", view, 0)
    data.clear()  # BufferError while a view lives, were it in the error's traceback
    assert error.value.errno == errno.ENOSPC


def test_what_is_written_in_several_goes_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pwrite = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda file, data, offset: pwrite(file, data[:3], offset))
    (tmp_path / "upload").write_bytes(b"..........")
    write_at(tmp_path / "upload", b"tranche", 2)
    assert (tmp_path / "upload").read_bytes() == b"..tranche."


def test_what_stands_in_a_files_place_is_not_waited_for(tmp_path: Path) -> None:
    """Another account may have put it there."""
    path = tmp_path / "key"
    path.write_bytes(b"abc")
    with files.open_regular(path) as file:
        assert file.read() == b"abc"
    path.unlink()
    os.mkfifo(path)
    for found in (path, Path("/dev/zero"), tmp_path):
        with pytest.raises(OSError, match=r"Invalid argument|Is a directory"):
            files.open_regular(found)
