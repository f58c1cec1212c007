"""The sieve passes members byte for byte, and takes nothing that is cut for whole."""

import io
import subprocess
from pathlib import Path

import pytest

from ospi_supervisor.backup.tarball import CREATE
from ospi_supervisor.backup.tarstream import END, Member, sift
from ospi_supervisor.errors import BackupError
from tests.backup.trees import add_oddities, state_of


def nothing(_: int) -> None:
    """Nobody waits."""


def archive(folder: Path) -> bytes:
    names = sorted(str(path).lstrip("/").encode(errors="surrogateescape") for path in [folder, *folder.rglob("*")])
    return subprocess.run(CREATE, input=b"\0".join(names), check=True, capture_output=True).stdout


def test_what_passes_is_what_tar_reads(tmp_path: Path) -> None:
    folder, elsewhere = tmp_path / "données", tmp_path / "ailleurs"
    folder.mkdir()
    elsewhere.mkdir()
    add_oddities(folder)
    passed = io.BytesIO()
    sift(io.BytesIO(archive(folder)), lambda member: True, passed, nothing)
    command = ["tar", "-xp", "--numeric-owner", "-C", str(elsewhere), "-f", "-"]
    subprocess.run(command, input=passed.getvalue() + END, check=True)
    assert state_of(elsewhere / str(folder).lstrip("/")) == state_of(folder)


def test_headers_say_what_the_files_are(tmp_path: Path) -> None:
    folder = tmp_path / "données"
    folder.mkdir()
    add_oddities(folder)
    members: dict[str, Member] = {}

    def note(member: Member) -> bool:
        members[member.name] = member
        return False

    sift(io.BytesIO(archive(folder)), note, None, nothing)
    assert members.keys() == {str(path).lstrip("/") for path in [folder, *folder.rglob("*")]}
    for path in folder.rglob("*"):
        facts, member = path.lstat(), members[str(path).lstrip("/")]
        assert (member.mode, member.uid, member.gid) == (facts.st_mode & 0o7777, facts.st_uid, facts.st_gid)
        assert member.mtime_ns == facts.st_mtime_ns
        if path.is_file() and not path.is_symlink() and not member.link:
            assert member.size == facts.st_size


def test_a_cut_stream_is_refused_wherever_it_is_cut(tmp_path: Path) -> None:
    folder = tmp_path / "données"
    folder.mkdir()
    (folder / "fichier").write_bytes(b"x" * 5000)
    whole = archive(folder)
    ends = whole.index(END, 512 * 8)
    for length in range(0, ends, 300):
        with pytest.raises(BackupError, match="tronquée"):
            sift(io.BytesIO(whole[:length]), lambda member: False, None, nothing)


def test_what_is_no_tar_is_refused() -> None:
    with pytest.raises(BackupError, match="illisible"):
        sift(io.BytesIO(b"autre chose " * 100), lambda member: False, None, nothing)
