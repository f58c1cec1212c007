"""Snapshots of a real platform's data: complete, proven, and refused when damaged."""

import json
import os
import sqlite3
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import closing

import pytest

from ospi_supervisor.errors import BackupError, CancelledError
from tests.backup.conftest import Hospital, files_of, migrate, mounted
from tests.backup.trees import state_of

PARTS = ("fichiers.tar.zst", "fichiers.jsonl", "bases/portail.sqlite3", "snapshot.json")


@pytest.mark.parametrize(("name", "part"), [(name, part) for name in ("complete", "arret") for part in PARTS])
def test_a_damaged_snapshot_is_reported_and_refused_before_anything_is_touched(
    busy: Hospital, name: str, part: str
) -> None:
    """What the restore does not read stops nothing: the full snapshot's database, which has changed since."""
    busy.age()
    busy.full()
    (busy.data / "premier").write_text("changé")
    busy.add_row()
    busy.increment()
    busy.snapshots.settle("arret", progress=busy.percents.append)
    damaged = busy.backups / name / part
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)
    (busy.data / "tardif").write_text("tardif")
    before = state_of(busy.data)
    assert len(busy.snapshots.verify("arret")) == 1
    if (name, part) == ("complete", "bases/portail.sqlite3"):
        busy.restore()
        assert busy.rows() == 5001
        return
    with pytest.raises(BackupError, match="endommagé"):
        busy.restore()
    assert state_of(busy.data) == before


def test_a_missing_part_is_reported(busy: Hospital) -> None:
    busy.full()
    (busy.backups / "complete" / "fichiers.jsonl").unlink()
    (problem,) = busy.snapshots.verify("complete")
    assert "a disparu" in problem
    assert "introuvable" in busy.snapshots.verify("inconnue")[0]


def test_a_good_snapshot_has_no_problem_and_its_record_says_what_it_is(busy: Hospital) -> None:
    full = busy.full()
    increment = busy.increment()
    assert busy.snapshots.verify("arret") == []
    assert [snapshot.id for snapshot in busy.open().list()] == ["complete", "arret"]
    assert (full.base, increment.base, increment.release) == (None, "complete", "11.5.0")
    assert (
        full.size
        == sum(path.stat().st_size for path in (busy.backups / "complete").rglob("*") if path.is_file())
        - (busy.backups / "complete" / "snapshot.json").stat().st_size
    )
    assert json.loads((busy.backups / "arret" / "snapshot.json").read_text())["snapshot"]["files"] == increment.files


def test_progress_grows_to_the_end_and_a_cancellation_leaves_nothing(busy: Hospital) -> None:
    busy.full()
    assert busy.percents == sorted(busy.percents)
    assert busy.percents[-1] == 100

    def cancel() -> None:
        raise CancelledError("annulée")

    with pytest.raises(CancelledError):
        busy.full("annulee", check=cancel)
    assert sorted(path.name for path in busy.backups.iterdir()) == ["complete"]


def test_a_missing_data_folder_is_no_empty_one(hospital: Hospital) -> None:
    hospital.data.rmdir()
    with pytest.raises(BackupError, match="introuvable"):
        hospital.full()
    assert list(hospital.backups.iterdir()) == []


def test_a_name_is_taken_once_unless_it_was_left_unfinished(hospital: Hospital) -> None:
    (hospital.backups / "update-1-full").mkdir(parents=True)
    (hospital.backups / "update-1-full" / "fichiers.tar.zst").write_text("reste d'un essai interrompu")
    assert hospital.snapshots.unusable() == ["update-1-full"]
    hospital.full("update-1-full")
    with pytest.raises(BackupError, match="existe déjà"):
        hospital.full("update-1-full")
    with pytest.raises(BackupError, match="pas un nom"):
        hospital.full("../ailleurs")


def test_an_increment_needs_a_full_snapshot(hospital: Hospital) -> None:
    with pytest.raises(BackupError, match="introuvable"):
        hospital.increment()
    hospital.full()
    hospital.increment()
    with pytest.raises(BackupError, match="n'est pas complète"):
        hospital.increment("autre", "arret")


def test_backups_inside_the_data_are_not_data(hospital: Hospital) -> None:
    inside = Hospital(hospital.root / "imbriqué")
    inside.backups = inside.data / "sauvegardes"
    inside.snapshots = inside.open()
    (inside.data / "fichier").write_text("x")
    inside.full()
    inside.full("autre")
    inside.restore("complete")
    assert [snapshot.id for snapshot in inside.snapshots.list()] == ["complete", "autre"]


def test_the_estimate_covers_what_is_written(busy: Hospital) -> None:
    estimate = busy.snapshots.estimate()
    assert estimate.places.keys() == {str(busy.data), str(busy.database)}
    assert estimate.total >= busy.full().size


def test_an_exported_tar_is_read_by_standard_tar_and_compares_equal(busy: Hospital) -> None:
    busy.full()
    migrate(busy)
    busy.increment()
    file = busy.root / "export.tar"
    busy.snapshots.export("arret", file)
    elsewhere = busy.root / "ailleurs"
    elsewhere.mkdir()
    subprocess.run(["tar", "-xpf", file, "-C", elsewhere, "--numeric-owner"], check=True)
    here, there = files_of(busy), state_of(elsewhere / str(busy.data).lstrip("/"))
    assert there | {".": ()} == here
    with closing(sqlite3.connect(elsewhere / "ospi-sauvegarde" / "bases" / "portail.sqlite3")) as connection:
        assert connection.execute("SELECT count(*) FROM sejour").fetchone() == (5000,)
    with tarfile.open(file) as tar:
        assert len(tar.getnames()) == len(set(tar.getnames()))


def test_an_export_never_replaces_a_file_and_refuses_a_damaged_snapshot(busy: Hospital) -> None:
    busy.full()
    (busy.root / "là").write_text("là")
    with pytest.raises(BackupError, match="n'a pas pu être écrit"):
        busy.snapshots.export("complete", busy.root / "là")
    assert (busy.root / "là").read_text() == "là"
    with (busy.backups / "complete" / "fichiers.tar.zst").open("ab") as tail:
        tail.write(b"x")
    with pytest.raises(BackupError, match="endommagé"):
        busy.snapshots.export("complete", busy.root / "export.tar")
    assert not (busy.root / "export.tar").exists()


@pytest.fixture
def with_small_disk(hospital: Hospital) -> Iterator[Hospital]:
    hospital.backups.mkdir()
    with mounted("-t", "tmpfs", "-o", "size=2m", "tmpfs", str(hospital.backups)):
        yield hospital


@pytest.mark.system
@pytest.mark.parametrize("size", [1_900_000, 4_000_000])
def test_a_full_disk_says_so_and_leaves_nothing(with_small_disk: Hospital, size: int) -> None:
    (with_small_disk.data / "gros").write_bytes(os.urandom(size))
    with_small_disk.make_database(20_000)
    with pytest.raises(BackupError, match="le disque est plein"):
        with_small_disk.full()
    assert list(with_small_disk.backups.iterdir()) == []


def test_snapshots_are_for_the_worker_only(hospital: Hospital) -> None:
    assert list(hospital.snapshots.list()) == []
    hospital.full()
    assert (hospital.backups / "complete").stat().st_mode & 0o077 == 0
