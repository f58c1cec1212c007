"""What tar says is judged: a file that cannot be read spoils a backup, one that vanishes does not."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ospi_supervisor.backup.tarball import Written, members_of, write_tarball
from ospi_supervisor.errors import BackupError
from tests.backup.conftest import Hospital, mounted
from tests.backup.trees import state_of
from tests.support.bad_disk import mount_bad_disk, unmount_bad_disk
from tests.support.system import require_root, unavailable


def nothing(_: int) -> None:
    """Nobody waits."""


def names(folder: Path) -> list[str]:
    return [str(path).lstrip("/") for path in [folder, *sorted(folder.rglob("*"))]]


def test_a_file_that_vanished_is_counted_and_not_archived(tmp_path: Path) -> None:
    folder = tmp_path / "données"
    folder.mkdir()
    for name in ("a", "b\nc", "d"):
        (folder / name).write_text(name)
    listed = names(folder)
    (folder / "b\nc").unlink()
    written = write_tarball({folder: listed}, tmp_path / "tar.zst", nothing, low_priority=True)
    assert written.vanished == 1
    assert members_of(tmp_path / "tar.zst", nothing, low_priority=False).keys() == {*listed} - {listed[2]}


def test_nothing_to_archive_makes_an_archive_of_nothing(tmp_path: Path) -> None:
    write_tarball({}, tmp_path / "tar.zst", nothing, low_priority=False)
    assert members_of(tmp_path / "tar.zst", nothing, low_priority=False) == {}


@pytest.mark.system
def test_the_standard_tools_read_it(tmp_path: Path) -> None:
    folder = tmp_path / "donnees"
    folder.mkdir()
    (folder / "fichier").write_bytes(b"x" * 3_000_000)
    write_tarball({folder: names(folder)}, tmp_path / "tar.zst", nothing, low_priority=True)
    if shutil.which("zstd") is None:
        unavailable("zstd is not installed")
    listed = subprocess.run(["tar", "--zstd", "-tf", tmp_path / "tar.zst"], check=True, capture_output=True, text=True)
    assert [name.rstrip("/") for name in listed.stdout.splitlines()] == names(folder)


BOTH_WAYS = pytest.mark.parametrize("low_priority", [False, True], ids=["here", "beside"])


@BOTH_WAYS
def test_folders_one_after_the_other_make_one_archive(tmp_path: Path, low_priority: bool) -> None:
    folders = [tmp_path / "données", tmp_path / "images"]
    for folder in folders:
        folder.mkdir()
        (folder / "fichier").write_text(folder.name)
    written = write_tarball(
        {folder: names(folder) for folder in folders}, tmp_path / "tar.zst", nothing, low_priority=low_priority
    )
    members = members_of(tmp_path / "tar.zst", nothing, low_priority=low_priority)
    assert members.keys() == {name for folder in folders for name in names(folder)}
    assert written == Written(0, [])


@BOTH_WAYS
@pytest.mark.parametrize("where", [0.0, 0.3, 0.6, 0.99])
def test_a_cut_archive_is_damaged(tmp_path: Path, where: float, low_priority: bool) -> None:
    folder = tmp_path / "données"
    folder.mkdir()
    (folder / "fichier").write_bytes(os.urandom(3_000_000))
    tarball = tmp_path / "tar.zst"
    write_tarball({folder: names(folder)}, tarball, nothing, low_priority=False)
    os.truncate(tarball, int(tarball.stat().st_size * where))
    with pytest.raises(BackupError, match=r"tronquée|endommagée"):
        members_of(tarball, nothing, low_priority=low_priority)


@pytest.fixture
def with_an_unreadable_file(hospital: Hospital) -> Iterator[Hospital]:
    """A file whose reading is an error, for root too: what an aged disk does."""
    victim = hospital.data / "dossier illisible.dat"
    victim.write_text("x")
    if os.getuid() != 0:
        victim.chmod(0)
        yield hospital
        return
    with mounted("--bind", "/proc/self/mem", str(victim)):
        yield hospital


@pytest.mark.system
def test_a_file_that_cannot_be_read_is_named_and_nothing_is_left(with_an_unreadable_file: Hospital) -> None:
    with pytest.raises(BackupError, match="dossier illisible"):
        with_an_unreadable_file.full()
    assert list(with_an_unreadable_file.backups.iterdir()) == []


@pytest.mark.system
def test_access_lists_and_attributes_come_back_and_later_ones_go(hospital: Hospital, needs_acl: None) -> None:
    data = hospital.data
    (data / "dossier").mkdir()
    for name in ("fichier", "dossier/avec", "nu"):
        (data / name).write_text(name)
    subprocess.run(["setfacl", "-m", "u:1234:rw,g:4321:r", data / "fichier"], check=True)
    subprocess.run(["setfacl", "-d", "-m", "u:1234:rwx", data / "dossier"], check=True)
    subprocess.run(["setfacl", "-m", "u:77:r", data / "dossier/avec"], check=True)
    os.setxattr(data / "fichier", "user.octets", bytes(range(256)))
    os.setxattr(data / "dossier", "user.cle", b"valeur")
    before = state_of(data)
    hospital.full()
    subprocess.run(["setfacl", "-b", "-R", data], check=True)
    subprocess.run(["setfacl", "-m", "u:9:rwx", data / "nu", data], check=True)
    subprocess.run(["setfacl", "-d", "-m", "u:9:rwx", data], check=True)
    os.removexattr(data / "fichier", "user.octets")
    for path in (data / "nu", data, data / "dossier"):
        os.setxattr(path, "user.tardif", b"x")
    hospital.restore("complete")
    assert state_of(data) == before


@pytest.fixture
def needs_acl(tmp_path: Path) -> None:
    """A file system with access lists, and the tool that sets them."""
    (tmp_path / "essai").touch()
    try:
        subprocess.run(["setfacl", "-m", "u:1:r", tmp_path / "essai"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        unavailable(f"no access lists here: {error}")


@pytest.mark.parametrize("name", ["dossier simple", "retour\nà la ligne \\ et barre", os.fsdecode(b"octets \xff\t:")])
def test_a_file_on_bad_sectors_spoils_the_backup(tmp_path: Path, name: str) -> None:
    require_root("a disk is mounted")
    folder = tmp_path / name
    bad = mount_bad_disk(tmp_path / "disk.img", folder)
    try:
        with pytest.raises(OSError, match="Input/output"):
            bad.read_bytes()
        with pytest.raises(BackupError, match="abîmé » ne peut pas être lu"):
            write_tarball({folder: names(folder)}, tmp_path / "tar.zst", nothing, low_priority=True)
    finally:
        unmount_bad_disk(tmp_path / "disk.img", folder)
