"""One big thing moves the bar too: a database, or a file, that takes most of the time."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from ospi_supervisor.archive.messages import Pack, Slice, Unpack
from ospi_supervisor.archive.staging import written
from ospi_supervisor.backup import meter
from ospi_supervisor.backup.inventory import Facts
from ospi_supervisor.backup.sqlite import SqliteDatabase
from tests.backup.conftest import Hospital

MIB = 1 << 20


@pytest.fixture
def big(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hospital:
    """One database of 48 MiB and nothing else; every step is measured and told."""
    monkeypatch.setattr(meter, "TELL_SECONDS", 0.0)
    monkeypatch.setattr(meter, "MEASURE_SECONDS", 0.0)
    hospital = Hospital(tmp_path)
    hospital.make_database(1)
    with closing(sqlite3.connect(hospital.database)) as connection:
        connection.execute("CREATE TABLE image (octets BLOB)")
        connection.executemany("INSERT INTO image VALUES (randomblob(?))", [(MIB,)] * 48)
        connection.commit()
    return hospital


def test_a_database_that_is_copied_moves_the_bar(big: Hospital) -> None:
    big.full()
    assert len({percent for percent in big.percents if 1 < percent < 59}) > 2  # while it is dumped
    assert len({percent for percent in big.percents if 61 < percent < 70}) > 2  # while it is read back
    assert big.percents == sorted(big.percents)


def test_a_database_that_is_restored_moves_the_bar(big: Hospital, monkeypatch: pytest.MonkeyPatch) -> None:
    big.full()
    big.percents.clear()
    seen: list[int] = []
    measure = SqliteDatabase.restored

    def restored(self: SqliteDatabase, facts: Facts) -> int:
        seen.append(measure(self, facts))
        return seen[-1]

    monkeypatch.setattr(SqliteDatabase, "restored", restored)
    big.restore("complete")
    assert max(seen) > MIB
    assert big.percents == sorted(big.percents)


def test_a_snapshot_that_is_verified_tells_how_far_it_is(big: Hospital) -> None:
    big.full()
    big.percents.clear()
    assert big.snapshots.verify("complete", big.percents.append) == []
    assert len({percent for percent in big.percents if 5 < percent < 95}) > 2


def test_a_long_file_that_is_written_counts_by_what_is_there(tmp_path: Path) -> None:
    packs = [Pack("1", 0, 100, "", 400), Pack("2", 100, 60, "", 400)]
    job = Unpack(packs, [Slice(b"long", 0, 800, 0o644, b"", None)])
    target = os.open(tmp_path, os.O_RDONLY)
    try:
        assert written(target, job) == 0
        (tmp_path / "long").write_bytes(b"x" * 400)
        assert written(target, job) == 80
    finally:
        os.close(target)
