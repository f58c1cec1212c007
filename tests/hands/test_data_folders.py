"""What the platform's account does to its folders while root saves or restores them touches no other place."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from ospi_supervisor.backup.snapshots import Snapshots
from ospi_supervisor.errors import BackupError
from ospi_supervisor.system.files import remove_tree
from tests.hands.accounts import DAEMON, NOBODY, as_account, give, start_as

FILL = """
import os, sys
os.chdir(sys.argv[1])
os.mkdir("z")
open("z/big", "wb").write(os.urandom(30 << 20))
open("z/keep.py", "w").write("attacker")
"""
SWAP_FOR_EVER = """
import os, sys
os.chdir(sys.argv[1])
print("ready", flush=True)
while True:
    for one, other in (("z", "real"), ("link", "z"), ("z", "link"), ("real", "z")):
        try:
            if one == "link" and not os.path.lexists("link"):
                os.symlink(sys.argv[2], "link")
            os.rename(one, other)
        except OSError:
            pass
"""


def nothing(*_: object) -> None:
    """Nobody waits."""


class Place:
    """A data folder of nobody's, and a folder that is root's."""

    def __init__(self, root: Path) -> None:
        self.data, self.backups, self.outside = root / "data", root / "backups", root / "outside"
        for folder in (self.data, self.outside):
            folder.mkdir()
        self.backups.mkdir(mode=0o700)
        (self.outside / "keep.py").write_text("# root's own\n")
        (self.outside / "secret").write_text("root's secret")
        (self.outside / "secret").chmod(0o600)
        give(self.data)
        as_account(FILL, self.data)
        self.snapshots = Snapshots(self.backups, (self.data,), (), 2)
        self.before = self.facts()

    def facts(self) -> dict[str, tuple[object, ...]]:
        return {
            path.name: (path.read_bytes(), path.lstat().st_mtime_ns, path.lstat().st_mode, path.lstat().st_uid)
            for path in sorted(self.outside.iterdir())
        }


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture
def swapping(place: Place) -> Iterator[Place]:
    """The account swaps a folder for a link to the outside, and back, all the time."""
    place.snapshots.take_full("full", "1.0", progress=nothing, check=nothing)
    racer = start_as(SWAP_FOR_EVER, place.data, place.outside, stdout=subprocess.PIPE)
    assert racer.stdout is not None
    assert racer.stdout.readline()
    yield place
    racer.kill()
    racer.wait()
    racer.stdout.close()


def test_a_restore_writes_moves_and_dates_nothing_outside(swapping: Place) -> None:
    for _ in range(3):
        with suppress(BackupError):  # it may say that somebody was at work meanwhile
            swapping.snapshots.restore("full", progress=nothing)
        assert swapping.facts() == swapping.before


def test_a_dump_reads_nothing_outside(swapping: Place, tmp_path: Path) -> None:
    (swapping.outside / "big").write_text("root's secret too")
    for number in range(4):
        try:  # a full one; then, as a checkpoint does, what changed since the first
            if number < 2:
                swapping.snapshots.take_full(f"manuelle-{number}", "1.0", progress=nothing, check=nothing)
            else:
                swapping.snapshots.take_increment("full", f"manuelle-{number}", "1.0", progress=nothing, check=nothing)
        except BackupError:
            continue
        swapping.snapshots.export(f"manuelle-{number}", tmp_path / "export.tar")
        assert b"root's secret" not in (tmp_path / "export.tar").read_bytes()
        (tmp_path / "export.tar").unlink()


def test_a_folder_swapped_for_a_link_after_the_snapshot_is_set_aside_as_a_link(place: Place) -> None:
    place.snapshots.take_full("full", "1.0", progress=nothing, check=nothing)
    as_account(
        "import os, sys; os.chdir(sys.argv[1]); os.rename('z', 'y'); os.symlink(sys.argv[2], 'z')",
        *(place.data, place.outside),
    )
    report = place.snapshots.restore("full", progress=nothing)
    assert (place.data / "z" / "keep.py").read_text() == "attacker"
    assert any(path.name == "z" and path.is_symlink() for path in report.moved)
    assert place.facts() == place.before


def test_folders_thousands_deep_do_not_hold_up_the_way_back(place: Place) -> None:
    place.snapshots.take_full("full", "1.0", progress=nothing, check=nothing)
    dig = "import os, sys\nos.chdir(sys.argv[1])\nfor _ in range(3000): os.mkdir('d'); os.chdir('d')"
    as_account(f"{dig}\nopen('bottom', 'w')", place.data / "z")
    report = place.snapshots.restore("full", progress=nothing)
    (quarantine,) = report.quarantines
    assert (quarantine / "data" / "z" / "d" / "d").is_dir()
    assert not (place.data / "z" / "d").exists()
    remove_tree(quarantine)


def test_the_data_folder_itself_swapped_for_a_link_is_refused(place: Place, tmp_path: Path) -> None:
    theirs = tmp_path / "home"
    theirs.mkdir()
    (theirs / "data").mkdir()
    give(theirs)
    snapshots = Snapshots(place.backups, (theirs / "data",), (), 2)
    as_account("import os, sys; os.chdir(sys.argv[1]); os.rename('data', 'd'); os.symlink('/etc', 'data')", theirs)
    with pytest.raises(BackupError, match="est un lien que le compte d'une application a pu poser"):
        snapshots.take_full("full", "1.0", progress=nothing, check=nothing)


def test_a_link_into_another_data_folder_leads_nowhere(place: Place, tmp_path: Path) -> None:
    """Each folder has a hand of its own: one account reads and writes nothing of the other's through root."""
    other = tmp_path / "other"
    other.mkdir()
    (other / "secret").write_text("daemon's secret")
    (other / "secret").chmod(0o600)
    os.chown(other / "secret", DAEMON, DAEMON)
    give(other, DAEMON)
    snapshots = Snapshots(place.backups, (place.data, other), (), 2)
    snapshots.take_full("full", "1.0", progress=nothing, check=nothing)
    as_account(
        "import os, sys; os.chdir(sys.argv[1]); os.rename('z', 'y'); os.symlink(sys.argv[2], 'z')", *(place.data, other)
    )
    os.utime(other, ns=(1, 1))
    snapshots.restore("full", progress=nothing, trust_times=True)
    secret = other / "secret"
    assert secret.read_text() == "daemon's secret"
    assert (secret.stat().st_uid, secret.stat().st_mode & 0o777) == (DAEMON, 0o600)
    assert sorted(path.name for path in other.iterdir()) == ["secret"]
    assert (place.data / "z").is_dir()


def test_two_folders_come_back_from_one_archive(place: Place, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "file").write_text("first")
    snapshots = Snapshots(place.backups, (place.data, other), (), 2)
    snapshots.take_full("full", "1.0", progress=nothing, check=nothing)
    (other / "file").write_text("changed")
    (place.data / "z" / "keep.py").unlink()
    snapshots.take_increment("full", "increment", "1.0", progress=nothing, check=nothing)
    snapshots.restore("full", progress=nothing)
    assert (other / "file").read_text() == "first"
    assert (place.data / "z" / "keep.py").stat().st_uid == NOBODY
    snapshots.restore("increment", progress=nothing)
    assert (other / "file").read_text() == "changed"
    assert not (place.data / "z" / "keep.py").exists()
