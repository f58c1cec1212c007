"""A restore survives its own death, and sets aside on the same file system."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from ospi_supervisor.backup import listing, restore
from ospi_supervisor.backup.quarantines import noted
from ospi_supervisor.hands.folder import FolderHands
from tests.backup.conftest import Hospital, files_of, migrate, mounted
from tests.backup.trees import add_oddities, fill
from tests.support.system import require_root

SCRIPT = """
import sys
from pathlib import Path
from ospi_supervisor.backup.databases import make_databases
from ospi_supervisor.backup.snapshots import Snapshots
from ospi_supervisor.config.tables import DatabaseTable
root = Path(sys.argv[1])
databases = make_databases([DatabaseTable(name="portail", url=f"sqlite://{root}/données/portail.db")])
snapshots = Snapshots(root / "sauvegardes", [root / "données"], databases, 2)
print("prêt", flush=True)
"""
RESTORE = SCRIPT + 'snapshots.restore("arret", progress=lambda percent: print(percent, flush=True))'
TAKE = SCRIPT + 'snapshots.take_full("update-1-full", "1.0", progress=lambda percent: None, check=lambda: None)'


def kill_a_restore(hospital: Hospital, percent: float, after: float) -> bool:
    """Start a restore in a process of its own and kill it `after` seconds beyond `percent` of its work; whether it was
    still at work."""
    command = [sys.executable, "-c", RESTORE, str(hospital.root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        while (line := process.stdout.readline()) and float(line) < percent:
            pass
        time.sleep(after)
        children = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        assert process.wait() in (0, -signal.SIGKILL)
        _, alive = psutil.wait_procs(children, timeout=5)
        assert not alive, "a child outlived its worker"
        return process.returncode != 0


def test_a_restore_killed_at_any_instant_ends_exact_when_it_is_called_again(hospital: Hospital) -> None:
    fill(hospital.data, 1500)
    add_oddities(hospital.data)
    hospital.make_database(20_000)
    hospital.full()
    (hospital.data / "service 4" / "dossier-401.dat").write_text("avant l'arrêt")
    before = files_of(hospital)
    hospital.increment()
    hospital.restore()
    chance = random.Random(20)
    killed = 0
    for attempt in range(4):
        migrate(hospital)
        for number in range(5, 5 + attempt):
            shutil.rmtree(hospital.data / f"service {number}")
        (hospital.data / f"tardif-{attempt}").write_text("tardif")
        killed += kill_a_restore(hospital, chance.uniform(0, 100), chance.uniform(0, 0.05))
        killed += kill_a_restore(hospital, chance.uniform(0, 30), chance.uniform(0, 0.05))
        report = hospital.restore()
        assert files_of(hospital) == before
        assert hospital.rows() == 20_000
        assert f"tardif-{attempt}" in {path.name for path in report.moved}
    assert killed >= 4


def test_a_snapshot_killed_in_the_middle_is_left_unfinished_and_taken_again(hospital: Hospital) -> None:
    (hospital.data / "gros").write_bytes(os.urandom(200_000_000))
    hospital.make_database(10)
    with subprocess.Popen([sys.executable, "-c", TAKE, str(hospital.root)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        worker = psutil.Process(process.pid)
        until = time.monotonic() + 60
        children: list[psutil.Process] = []
        priorities: list[int] = []
        while priorities != [19, 19]:
            assert time.monotonic() < until, "tar and zstd never ran at low priority"
            time.sleep(0.005)
            with suppress(psutil.NoSuchProcess):  # a hand that has just ended
                children = worker.children()
                priorities = [child.nice() for child in children]
        process.kill()
    _, alive = psutil.wait_procs(children, timeout=5)
    assert not alive, "a child outlived its worker"
    assert hospital.snapshots.unusable() == ["update-1-full"]
    hospital.full("update-1-full")
    assert hospital.snapshots.verify("update-1-full") == []


@pytest.fixture
def two_disks(hospital: Hospital) -> Iterator[Hospital]:
    """The data folder is a file system of its own, and so is a folder in it."""
    inner = hospital.data / "images"
    with mounted("-t", "tmpfs", "tmpfs", str(hospital.data)):
        inner.mkdir()
        with mounted("-t", "tmpfs", "tmpfs", str(inner)):
            yield hospital


@pytest.mark.system
def test_what_came_later_stays_on_its_own_file_system(two_disks: Hospital) -> None:
    inner = two_disks.data / "images"
    (inner / "image").write_text("image")
    (two_disks.data / "fichier").write_text("fichier")
    before = files_of(two_disks)
    two_disks.full()
    (inner / "tardive").write_text("image")
    (two_disks.data / "tardif").write_text("fichier")
    (inner / "image").write_text("migrée")
    report = two_disks.restore("complete")
    assert {(path.parent.parent, path.name) for path in report.moved} == {
        (inner, "tardive"),
        (two_disks.data, "tardif"),
    }
    for quarantine in report.quarantines:
        assert quarantine.stat().st_dev == quarantine.parent.stat().st_dev
        assert quarantine.stat().st_mode & 0o077 == 0
        shutil.rmtree(quarantine)
    after = files_of(two_disks)
    assert {name: facts for name, facts in after.items() if name not in (".", "images")} == {
        name: facts for name, facts in before.items() if name not in (".", "images")
    }


def test_a_link_that_a_migration_put_in_a_folders_place_is_not_followed(hospital: Hospital, tmp_path: Path) -> None:
    outside = tmp_path / "ailleurs"
    outside.mkdir()
    (outside / "fichier").write_text("à ne pas toucher")
    (hospital.data / "dossier").mkdir()
    (hospital.data / "dossier" / "fichier").write_text("donnée")
    before = files_of(hospital)
    hospital.full()
    shutil.rmtree(hospital.data / "dossier")
    (hospital.data / "dossier").symlink_to(outside)
    hospital.restore("complete")
    assert files_of(hospital) == before
    assert (outside / "fichier").read_text() == "à ne pas toucher"


@pytest.mark.parametrize("place", ["", "données"])
def test_a_link_put_in_a_quarantines_place_is_not_followed(hospital: Hospital, tmp_path: Path, place: str) -> None:
    """Whoever guesses its name would have root move a file anywhere."""
    outside = tmp_path / "ailleurs"
    outside.mkdir()
    taken_at = hospital.full().taken_at
    (hospital.data / "script").write_text("de la plateforme")
    quarantine = hospital.root / f".ospi-quarantaine-{taken_at:%Y%m%dT%H%M%SZ}"
    planted = quarantine / place
    planted.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    planted.symlink_to(outside)
    report = hospital.restore("complete")
    assert list(outside.iterdir()) == []
    assert [path for path in report.moved if not path.is_symlink()] == [quarantine / "données" / "script"]


def test_a_quarantine_that_somebody_else_made_is_not_used(hospital: Hospital) -> None:
    require_root("a folder is given to another account")
    taken_at = hospital.full().taken_at
    (hospital.data / "script").write_text("de la plateforme")
    theirs = hospital.root / f".ospi-quarantaine-{taken_at:%Y%m%dT%H%M%SZ}"
    theirs.mkdir()
    os.chown(theirs, 65534, 65534)
    report = hospital.restore("complete")
    assert report.quarantine is not None
    assert report.quarantine.stat().st_uid == 0
    assert [path.name for path in report.moved] == ["script"]


def test_a_restore_is_made_durable_once_it_is_proven_and_before_it_is_told(
    hospital: Hospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    (hospital.data / "avant").write_text("avant")
    hospital.full()
    (hospital.data / "avant").write_text("après")
    synced: list[tuple[Path, str]] = []
    sync = listing.sync

    def watched(hands: FolderHands, folder: Path, tick: Callable[[], None]) -> None:
        synced.append((folder, (hospital.data / "avant").read_text()))
        sync(hands, folder, tick)

    monkeypatch.setattr(restore, "sync", watched)
    hospital.restore("complete")
    assert synced == [(hospital.data, "avant")]


def test_what_was_set_aside_is_noted_as_long_as_it_is_there(hospital: Hospital) -> None:
    hospital.full()
    (hospital.data / "arrivé").write_bytes(b"depuis")
    report = hospital.restore("complete")
    (found,) = noted(hospital.backups)
    assert (found.snapshot, found.files) == ("complete", 1)
    assert found.folders == (str(report.quarantine),)
    shutil.rmtree(found.folders[0])
    assert list(noted(hospital.backups)) == []
