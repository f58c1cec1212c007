"""What a snapshot holds comes back to the last attribute, whatever a migration did; what it did not hold is kept."""

import os
import shutil
import sqlite3
import threading
import time
from contextlib import closing

import pytest

from ospi_supervisor.backup.listing import COARSEST_CLOCK_NS
from tests.backup.conftest import Hospital, files_of, migrate, mounted
from tests.backup.trees import fill
from tests.support.system import require_root


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


@pytest.mark.parametrize("count", [5_000, pytest.param(50_000, marks=pytest.mark.full)])
def test_what_changed_of_many_files_is_saved_and_restored(hospital: Hospital, count: int) -> None:
    fill(hospital.data, count)
    time.sleep(COARSEST_CLOCK_NS / 1e9 + 0.1)
    began = time.monotonic()
    hospital.full()
    full = time.monotonic() - began
    changed = [hospital.data / f"service {number}" / f"dossier-{number * 100}.dat" for number in range(count // 100)]
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
    assert sum(1 for _ in hospital.data.glob("service */*")) == count


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
