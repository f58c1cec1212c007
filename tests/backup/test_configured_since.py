"""A snapshot is restored by what was configured when it was taken, whatever was declared or moved since."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from ospi_supervisor.backup import inventory
from ospi_supervisor.errors import BackupError
from tests.backup.conftest import Hospital, files_of

MIGRATE = """
import os, sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("PRAGMA journal_mode = WAL")
connection.execute("INSERT INTO sejour (nom) VALUES ('migré')")
connection.commit()
os._exit(0)  # as a program that is killed: the log stays
"""


@pytest.fixture
def declared(hospital: Hospital) -> Hospital:
    """A database that was declared after the full snapshot, and has a log of rows that came later."""
    with closing(sqlite3.connect(hospital.database)) as connection:
        connection.execute("CREATE TABLE sejour (id INTEGER PRIMARY KEY, nom TEXT)")
        connection.execute("INSERT INTO sejour (nom) VALUES ('avant')")
        connection.commit()
    hospital.full()
    hospital.snapshots = hospital.open()
    subprocess.run([sys.executable, "-c", MIGRATE, hospital.database], check=True)
    assert Path(f"{hospital.database}-wal").stat().st_size
    return hospital


def test_a_database_that_was_declared_later_comes_back_as_the_file_that_it_was(declared: Hospital) -> None:
    assert list(declared.snapshots.verify("complete")) == []
    report = declared.restore("complete")
    assert declared.rows() == 1
    assert {path.name for path in report.moved} == {"portail.db-wal", "portail.db-shm"}


def forget_what_was_left_out(hospital: Hospital) -> None:
    """Make the record what it was before it said so."""
    folder = hospital.backups / "complete"
    inventory.save(folder, msgspec.structs.replace(inventory.load(folder), left_out=None))
    assert "left_out" not in (folder / "snapshot.json").read_text()


def test_an_older_record_is_restored_by_what_is_configured_now(hospital: Hospital) -> None:
    hospital.make_database(10)
    (hospital.data / "fichier").write_text("avant")
    before = files_of(hospital)
    hospital.full()
    forget_what_was_left_out(hospital)
    (hospital.data / "fichier").write_text("après")
    hospital.restore("complete")
    assert files_of(hospital) == before
    assert hospital.rows() == 10


def test_an_older_record_that_cannot_be_told_apart_is_refused_and_nothing_is_touched(declared: Hospital) -> None:
    forget_what_was_left_out(declared)
    (declared.data / "tardif").write_text("après")
    with pytest.raises(BackupError, match=r"« .*/portail.db » .* rétablissez la configuration d'alors"):
        declared.restore("complete")
    assert declared.rows() == 2
    assert (declared.data / "tardif").exists()


def test_backups_that_were_moved_among_the_data_are_not_set_aside(hospital: Hospital) -> None:
    (hospital.data / "fichier").write_text("avant")
    hospital.full()
    hospital.backups = hospital.backups.rename(hospital.data / "sauvegardes")
    hospital.snapshots = hospital.open()
    assert hospital.restore("complete").moved == ()
    assert list(hospital.snapshots.verify("complete")) == []
