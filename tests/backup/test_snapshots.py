"""Snapshots of a real platform's data: exact, proven, and refused when damaged."""

import json
import os
import shutil
import sqlite3
import subprocess
import tarfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from ospi_supervisor.backup.listing import COARSEST_CLOCK_NS
from ospi_supervisor.errors import BackupError, CancelledError
from tests.backup.conftest import Hospital, mounted
from tests.backup.trees import ODD_NAMES, State, add_oddities, fill, state_of
from tests.support.system import require_root

COMPANIONS = ("portail.db", "portail.db-wal", "portail.db-shm")


def files_of(hospital: Hospital) -> State:
    """The folder's state without the database, which is compared by its rows; its coming and going moves one time."""
    state = {name: facts for name, facts in state_of(hospital.data).items() if name not in COMPANIONS}
    return state if not hospital.database.exists() else state | {".": ()}


def migrate(hospital: Hospital) -> None:
    """What a migration may do to files: change, remove, add, swap kinds, change modes, unlink one of two names."""
    data = hospital.data
    (data / "service 0" / "dossier-1.dat").write_text("migré")
    (data / "service 0" / "dossier-2.dat").chmod(0o777)
    (data / "service 0" / "dossier-3.dat").unlink()
    shutil.rmtree(data / "service 1")
    (data / "service 1").write_text("un fichier à la place d'un dossier")
    (data / "second").unlink()
    (data / "second").mkdir()
    (data / "second" / "nouveau").write_text("nouveau")
    (data / "premier").write_text("migré")
    (data / "lien").unlink()
    (data / "lien").symlink_to("/ailleurs")
    (data / "vide").rename(data / "plein")
    (data / os.fsdecode(ODD_NAMES[1])).write_text("migré")
    os.utime(data / "service 0" / "dossier-4.dat", ns=(1, 1))


@pytest.fixture
def busy(hospital: Hospital) -> Hospital:
    fill(hospital.data, 500)
    add_oddities(hospital.data)
    hospital.make_database(5000)
    return hospital


def test_an_increment_brings_the_exact_state_at_stop_back(busy: Hospital) -> None:
    busy.full()
    migrate(busy)
    with closing(sqlite3.connect(busy.database)) as connection:
        connection.execute("DELETE FROM sejour WHERE id > 4000")
        connection.commit()
    at_stop = files_of(busy)
    busy.increment()
    migrated_again = busy.data / "service 2" / "dossier-201.dat"
    migrated_again.write_text("migré")
    shutil.rmtree(busy.data / "service 3")
    with closing(sqlite3.connect(busy.database)) as connection:
        connection.execute("DROP TABLE sejour")
    report = busy.restore()
    assert files_of(busy) == at_stop
    assert busy.rows() == 4000
    assert report.moved == ()
    assert busy.percents[-1] == 100


def test_a_full_snapshot_brings_its_state_back_onto_a_migrated_one(busy: Hospital) -> None:
    before = files_of(busy)
    busy.full()
    migrate(busy)
    report = busy.restore("complete")
    assert files_of(busy) == before
    quarantine = report.quarantine
    assert quarantine is not None
    assert quarantine.parent == busy.data.parent
    moved = {str(path.relative_to(quarantine / busy.data.name)) for path in report.moved}
    assert moved == {"service 1", "second/nouveau"}
    assert (quarantine / busy.data.name / "second" / "nouveau").read_text() == "nouveau"
    assert (quarantine / busy.data.name / "plein").is_dir()


def test_a_restore_onto_an_empty_disk_brings_everything_back(busy: Hospital) -> None:
    before = files_of(busy)
    busy.full()
    busy.increment()
    shutil.rmtree(busy.data)
    busy.restore()
    assert files_of(busy) == before
    assert busy.rows() == 5000


def test_a_second_restore_changes_nothing_and_loses_nothing(busy: Hospital) -> None:
    before = files_of(busy)
    busy.full()
    (busy.data / "tardif").write_text("premier")
    first = busy.restore("complete")
    (busy.data / "tardif").write_text("second")
    second = busy.restore("complete")
    assert files_of(busy) == before
    assert set(first.moved) < set(second.moved)
    assert sorted(path.read_text() for path in second.moved) == ["premier", "second"]


def test_only_what_changed_since_the_checkpoint_is_touched(busy: Hospital) -> None:
    time.sleep(COARSEST_CLOCK_NS / 1e9 + 0.1)
    busy.full()
    busy.increment()
    untouched = {path: path.stat().st_ino for path in (busy.data / "service 2").iterdir()}
    (busy.data / "service 0" / "dossier-1.dat").write_text("migré")
    report = busy.restore(trust_times=True)
    assert report.restored <= 3
    assert {path: path.stat().st_ino for path in (busy.data / "service 2").iterdir()} == untouched


def test_a_change_is_found_with_the_clock_set_back_and_size_and_time_forged(busy: Hospital) -> None:
    time.sleep(COARSEST_CLOCK_NS / 1e9 + 0.1)
    victim = busy.data / "service 2" / "dossier-200.dat"
    content, facts = victim.read_bytes(), victim.stat()
    busy.full()
    with victim.open("r+b") as file:
        file.write(bytes(255 - byte for byte in content))
    os.utime(victim, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    forged = victim.read_bytes()
    busy.increment()
    victim.unlink()
    busy.restore()
    assert victim.read_bytes() == forged != content


@pytest.mark.parametrize("part", ["fichiers.tar.zst", "fichiers.jsonl", "bases/portail.sqlite3", "snapshot.json"])
@pytest.mark.parametrize("name", ["complete", "arret"])
def test_a_damaged_snapshot_is_reported_and_refused_before_anything_is_touched(
    busy: Hospital, name: str, part: str
) -> None:
    busy.full()
    busy.increment()
    damaged = busy.backups / name / part
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)
    (busy.data / "tardif").write_text("tardif")
    before = state_of(busy.data)
    assert len(busy.snapshots.verify("arret")) == 1
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


def test_the_platform_may_work_while_a_full_snapshot_is_taken(busy: Hospital) -> None:
    stop = threading.Event()

    def work() -> None:
        number = 0
        with closing(sqlite3.connect(busy.database, timeout=30)) as connection:
            while not stop.is_set():
                number += 1
                (busy.data / f"arrivé-{number}").write_bytes(b"x" * number)
                (busy.data / f"service {number % 5}" / f"dossier-{number % 500}.dat").write_bytes(b"y" * number)
                (busy.data / f"arrivé-{number // 2}").unlink(missing_ok=True)
                connection.execute("INSERT INTO sejour (nom) VALUES ('pendant')")
                connection.commit()

    writer = threading.Thread(target=work)
    writer.start()
    try:
        for attempt in range(5):
            busy.full(f"complete-{attempt}")
    finally:
        stop.set()
        writer.join()
    at_stop, rows = files_of(busy), busy.rows()
    busy.increment("arret", "complete-4")
    shutil.rmtree(busy.data)
    busy.restore()
    assert (files_of(busy), busy.rows()) == (at_stop, rows)
    busy.restore("complete-0")


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
    assert estimate.total >= busy.full().size - (busy.backups / "complete" / "fichiers.jsonl").stat().st_size


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


def test_fifty_thousand_files_are_saved_and_restored_in_seconds(hospital: Hospital) -> None:
    fill(hospital.data, 50_000)
    time.sleep(COARSEST_CLOCK_NS / 1e9 + 0.1)
    began = time.monotonic()
    hospital.full()
    full = time.monotonic() - began
    changed = [hospital.data / f"service {number}" / f"dossier-{number * 100}.dat" for number in range(500)]
    for path in changed:
        path.write_text("changé")
    increment = hospital.increment()
    assert increment.parts["fichiers.tar.zst"].size < 200_000
    shutil.rmtree(hospital.data / "service 7")
    for path in changed:
        path.unlink(missing_ok=True)
    began = time.monotonic()
    hospital.restore(trust_times=True)
    assert time.monotonic() - began < 2 * full + 10
    assert {path.read_text() for path in changed} == {"changé"}
    assert sum(1 for _ in hospital.data.glob("service */*")) == 50_000


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


def test_where_times_cannot_be_trusted_every_file_is_written_anew(busy: Hospital) -> None:
    """After a power cut: what `fdatasync` kept of a change in place can bear the times from before it."""
    time.sleep(COARSEST_CLOCK_NS / 1e9 + 0.1)
    busy.full()
    busy.increment()
    before = {path: path.stat().st_ctime_ns for path in (busy.data / "service 2").iterdir()}
    assert busy.restore(trust_times=True).restored <= 3
    assert {path: path.stat().st_ctime_ns for path in (busy.data / "service 2").iterdir()} == before
    busy.restore()
    after = {path: path.stat().st_ctime_ns for path in (busy.data / "service 2").iterdir()}
    assert after.keys() == before.keys()
    assert all(after[path] != before[path] for path in before)


def test_what_a_migration_added_is_set_aside_where_the_folder_is_bound_to_itself(hospital: Hospital) -> None:
    """As systemd binds the folders that a service may write to: nothing can be renamed out of them."""
    require_root("a folder is mounted")
    (hospital.data / "document").write_text("avant")
    hospital.full()
    hospital.increment()
    with mounted("--bind", str(hospital.data), str(hospital.data)):
        (hospital.data / "document").write_text("après")
        (hospital.data / "ajouté").write_text("par la migration")
        report = hospital.restore()
        assert (hospital.data / "document").read_text() == "avant"
        assert [path.read_text() for path in report.moved] == ["par la migration"]
