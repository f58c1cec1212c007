"""A release is staged exactly, whatever became of the installed one that it takes files from."""

import hashlib
import os
import shutil
import socket
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from backports import zstd
from msgspec.structs import replace

from ospi_supervisor.archive import layout, unpacker
from ospi_supervisor.archive.entries import Entry, encode_entry
from ospi_supervisor.archive.messages import Inode, Keep, Kept
from ospi_supervisor.archive.reader import Archive
from ospi_supervisor.archive.tree import InstalledTree, TreeRecord, audit, drifted, links_refreshed
from ospi_supervisor.archive.trust import Trust
from ospi_supervisor.errors import ArchiveError
from tests.support import archives
from tests.support.system import require_root
from tests.support.tmpfs import small_disk

Staged = Callable[..., TreeRecord]
FILES = {**archives.TREE, "media/logo.png": b"logo" * 2000}


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory, vendor: Path) -> Path:
    folder = tmp_path_factory.mktemp("odd-installed")
    return archives.build_archive(folder / "a.ospi", vendor, archives.make_tree(folder / "tree", FILES))


@pytest.fixture
def installed(archive: Path, staged: Staged, tmp_path: Path) -> InstalledTree:
    """The same release, installed."""
    return InstalledTree(tmp_path / "old", staged(archive, tmp_path / "old"))


def a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def a_socket(path: Path) -> None:
    path.unlink()
    folder = os.open(path.parent, os.O_RDONLY)  # an address of a socket is short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"/proc/self/fd/{folder}/{path.name}")
    os.close(folder)


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def a_loop(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.name)


def its_folder_a_file(path: Path) -> None:
    shutil.rmtree(path.parent)
    path.parent.write_text("a file")


def its_folder_a_loop(path: Path) -> None:
    shutil.rmtree(path.parent)
    path.parent.symlink_to(path.parent.name)


ODD = [a_pipe, a_socket, a_folder, a_loop, its_folder_a_file, its_folder_a_loop]


@pytest.mark.parametrize("becomes", ODD)
def test_what_stands_in_a_files_place_is_not_waited_for_and_stops_nothing(
    archive: Path, installed: InstalledTree, tmp_path: Path, staged: Staged, becomes: Callable[[Path], None]
) -> None:
    becomes(installed.root / "media/logo.png")

    staged(archive, tmp_path / "new", installed)

    assert archives.tree_facts(tmp_path / "new") == archives.tree_facts(archive.parent / "tree")
    with links_refreshed(installed):  # as when a release is removed
        shutil.rmtree(tmp_path / "new")
    assert drifted(installed) == ["media/logo.png"]


@pytest.fixture
def on_another_disk(installed: InstalledTree, tmp_path: Path) -> Iterator[InstalledTree]:
    """The installed release, whose folder `media` lies on a disk of its own."""
    media = installed.root / "media"
    shutil.copytree(media, tmp_path / "saved")
    with small_disk(media, "1m"):
        shutil.copy2(tmp_path / "saved/logo.png", media / "logo.png")
        yield installed


def test_a_folder_on_another_disk_is_copied(
    archive: Path, on_another_disk: InstalledTree, tmp_path: Path, staged: Staged
) -> None:
    staged(archive, tmp_path / "new", on_another_disk)
    assert archives.tree_facts(tmp_path / "new") == archives.tree_facts(archive.parent / "tree")


def access_list(user: int) -> bytes:
    """A default access list that gives the owner and `user` all, the group half, and others nothing (acl(5))."""
    nobody = 2**32 - 1
    entries = [(0x01, 7, nobody), (0x02, 7, user), (0x04, 5, nobody), (0x10, 7, nobody), (0x20, 0, nobody)]
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


def test_a_default_access_list_changes_no_mode(archive: Path, tmp_path: Path, staged: Staged) -> None:
    require_root("it gives an access list to another account")
    releases = tmp_path / "releases"
    releases.mkdir()
    os.setxattr(releases, "system.posix_acl_default", access_list(1234))

    record = staged(archive, releases / "new")

    assert archives.tree_facts(releases / "new") == archives.tree_facts(archive.parent / "tree")
    assert audit(InstalledTree(releases / "new", record)) == []
    assert os.listxattr(releases / "new/VERSION") == []


def kept(source: Path, contents: bytes) -> Kept:
    """The job to keep `source`, recorded when it had other times."""
    return Kept(
        source.name.encode(),
        b"copy",
        0o644,
        len(contents),
        hashlib.sha256(contents).digest(),
        Inode(source.stat().st_ino, len(contents), 1, 1),
    )


def test_a_file_that_is_written_to_while_it_is_copied_comes_from_the_pack(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    contents = b"page" * 5000
    source = tmp_path / "base"
    source.write_bytes(contents)
    send = os.sendfile

    def while_a_service_writes(target: int, origin: int, offset: int, count: int) -> int:
        source.write_bytes(b"PAGE" * 5000)
        return send(target, origin, offset, count)

    folder = os.open(tmp_path, os.O_RDONLY)
    worker = unpacker.Unpacker(-1, folder, folder)
    assert worker._keep_all(Keep([kept(source, contents)], hard_links=False))[0] is not None
    (tmp_path / "copy").unlink()
    monkeypatch.setattr(os, "sendfile", while_a_service_writes)
    monkeypatch.setattr(unpacker, "_FICLONE", 0)  # where extents are shared the copy is of one instant
    assert worker._keep_all(Keep([kept(source, contents)], hard_links=False)) == [None]
    assert not (tmp_path / "copy").exists()
    os.close(folder)


@pytest.mark.parametrize("hard_links", [True, False])
def test_a_length_that_lies_is_refused_though_the_contents_are_installed(
    archive: Path,
    installed: InstalledTree,
    tmp_path: Path,
    vendor: Path,
    trust: Trust,
    staged: Staged,
    hard_links: bool,
) -> None:
    lies = {b"media/logo.png": -7000, b"app/main.py": +7000}  # together as long as before

    def lie(entry: Entry) -> Entry:
        return replace(entry, size=entry.size + lies.get(entry.path, 0))

    with Archive.open(archive, trust, archives.NOW) as good:
        lines = b"".join(encode_entry(lie(entry)) for entry in good.entries())
    index = zstd.compress(lines)
    bad = archives.with_member(archive, tmp_path / "bad.ospi", vendor, layout.INDEX, index, {"unpacked": len(lines)})
    with pytest.raises(ArchiveError):
        staged(bad, tmp_path / "new", installed, hard_links=hard_links)
