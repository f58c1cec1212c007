"""The way back of an update costs what changed: nothing else is copied, read or proven, and nothing is lost."""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from ospi_supervisor.errors import BackupError
from tests.backup.conftest import Hospital
from tests.support.clonable import clonable_disk

ROWS = 5000
DUMP = "bases/portail.sqlite3"


@pytest.fixture
def busy(hospital: Hospital) -> Hospital:
    (hospital.data / "dossier").write_text("avant")
    (hospital.data / "autre").write_text("avant")
    hospital.make_database(ROWS)
    hospital.age()
    hospital.full()
    return hospital


@pytest.fixture
def clonable(tmp_path: Path) -> Iterator[Hospital]:
    with clonable_disk(tmp_path / "disque") as disk:
        hospital = Hospital(disk / "hôpital")
        hospital.make_database(ROWS)
        with closing(sqlite3.connect(hospital.database)) as connection:
            connection.execute("CREATE TABLE image AS SELECT randomblob(30000000)")
        yield hospital


def migrate(hospital: Hospital) -> None:
    with closing(sqlite3.connect(hospital.database)) as connection:
        connection.execute("DELETE FROM sejour")
        connection.commit()


def test_a_database_that_is_as_it_was_is_not_copied_again(busy: Hospital) -> None:
    busy.increment()
    assert (busy.backups / "arret" / DUMP).samefile(busy.backups / "complete" / DUMP)
    assert busy.snapshots.verify("arret") == []
    migrate(busy)
    busy.restore(trust_times=True)
    assert busy.rows() == ROWS


def test_one_that_changed_is_the_state_at_stop(busy: Hospital) -> None:
    busy.add_row()
    busy.increment()
    assert not (busy.backups / "arret" / DUMP).samefile(busy.backups / "complete" / DUMP)
    migrate(busy)
    busy.restore(trust_times=True)
    assert busy.rows() == ROWS + 1


def test_a_log_that_was_there_and_is_closed_since_is_no_change(hospital: Hospital) -> None:
    hospital.make_database(ROWS)
    with closing(sqlite3.connect(hospital.database)) as platform:
        platform.execute("INSERT INTO sejour (nom) VALUES ('dans le journal')")
        platform.commit()
        platform.execute("PRAGMA wal_checkpoint(PASSIVE)")
        hospital.age()
        hospital.full()
    hospital.increment()
    assert (hospital.backups / "arret" / DUMP).samefile(hospital.backups / "complete" / DUMP)
    migrate(hospital)
    hospital.restore()
    assert hospital.rows() == ROWS + 1


def test_a_log_that_is_written_into_its_file_since_is_a_change(hospital: Hospital) -> None:
    hospital.make_database(ROWS)
    with closing(sqlite3.connect(hospital.database)) as platform:
        hospital.age()
        hospital.full()
        platform.execute("INSERT INTO sejour (nom) VALUES ('après')")
        platform.commit()
    hospital.increment()
    migrate(hospital)
    hospital.restore()
    assert hospital.rows() == ROWS + 1


@pytest.mark.system
def test_where_the_file_system_clones_a_changed_database_costs_nothing(clonable: Hospital) -> None:
    clonable.full()
    clonable.add_row()
    os.sync()
    free = os.statvfs(clonable.root).f_bfree * 4096
    clonable.increment()
    os.sync()
    assert free - os.statvfs(clonable.root).f_bfree * 4096 < 5_000_000
    migrate(clonable)
    clonable.restore(trust_times=True)
    assert clonable.rows() == ROWS + 1
    clonable.snapshots.settle("arret", progress=lambda _: None)
    assert clonable.snapshots.verify("arret") == []


@pytest.mark.system
def test_a_clone_is_taken_only_where_no_log_holds_a_part(clonable: Hospital) -> None:
    clonable.full()
    with closing(sqlite3.connect(clonable.database)) as platform:
        platform.execute("INSERT INTO sejour (nom) VALUES ('dans le journal')")
        platform.commit()
        clonable.increment()
    migrate(clonable)
    clonable.restore()
    assert clonable.rows() == ROWS + 1


def test_undo_reads_nothing_but_what_it_brings_back(busy: Hospital) -> None:
    (busy.data / "dossier").write_text("à l'arrêt")
    busy.age()
    busy.increment()
    for part in ("fichiers.tar.zst", DUMP):
        (busy.backups / "complete" / part).unlink()
    (busy.data / "dossier").write_text("migré")
    report = busy.restore(trust_times=True)
    assert (busy.data / "dossier").read_text() == "à l'arrêt"
    assert report.restored == 1


def test_what_undo_brings_back_is_proven_first(busy: Hospital) -> None:
    busy.increment()
    migrate(busy)
    damaged = busy.backups / "arret" / DUMP
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)
    with pytest.raises(BackupError, match="rien n'a été touché"):
        busy.restore(trust_times=True)
    assert busy.rows() == 0


def test_what_was_not_read_yet_is_proven_after_a_reboot(busy: Hospital) -> None:
    busy.add_row()
    busy.increment()
    os.truncate(busy.backups / "arret" / DUMP, 4096 * 3)
    with (busy.backups / "arret" / DUMP).open("ab") as file:
        file.truncate((busy.backups / "complete" / DUMP).stat().st_size)
    with pytest.raises(BackupError, match=r"abîmée|illisible"):
        busy.restore()
    assert busy.rows() == ROWS + 1


@pytest.mark.parametrize("suffix", ["", "-wal", "-journal", ".ospi-restauration"])
def test_a_folder_where_a_database_comes_back_is_set_aside(busy: Hospital, suffix: str) -> None:
    busy.increment()
    busy.database.unlink()
    folder = Path(f"{busy.database}{suffix}")
    folder.mkdir()
    (folder / "à quelqu'un").write_text("à lui")
    report = busy.restore(trust_times=True)
    assert busy.rows() == ROWS
    (moved,) = [path for path in report.moved if path.name == "à quelqu'un"]
    assert moved.read_text() == "à lui"
    busy.restore()
    assert busy.rows() == ROWS


def test_what_stands_in_the_place_of_its_folder_is_set_aside(tmp_path: Path) -> None:
    outside = Hospital(tmp_path / "hôpital")
    outside.database = tmp_path / "bases" / "sous" / "portail.db"
    outside.database.parent.mkdir(parents=True)
    outside.make_database(ROWS)
    outside.full()
    outside.increment()
    shutil.rmtree(tmp_path / "bases")
    (tmp_path / "bases").write_text("à lui")
    report = outside.restore()
    assert outside.rows() == ROWS
    assert [path.read_text() for path in report.moved] == ["à lui"]
