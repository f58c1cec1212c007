"""What was written since a moment: files by their times, rows as the server counts them; counted, never proven."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from ospi_supervisor.backup.changes import CLOCK_LAG_NS, Changes
from ospi_supervisor.backup.postgres import PostgresDatabase
from ospi_supervisor.backup.sqlite import SqliteDatabase
from tests.backup.conftest import Case
from tests.support.system import wait_until


def nothing() -> None:
    """Nobody waits."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One that holds a file which is not new any more, by the clock of files."""
    folder = tmp_path / "données"
    (folder / "sous").mkdir(parents=True)
    (folder / "sous/ancien").write_text("avant")
    probe, old = tmp_path / "heure", (folder / "sous/ancien").stat().st_ctime_ns

    def has_passed() -> bool:
        probe.write_text("")
        return probe.stat().st_ctime_ns > old + 2 * CLOCK_LAG_NS

    wait_until(has_passed, "a moment")
    return folder


def test_files_made_and_changed_since_are_counted(folder: Path) -> None:
    changes = Changes((), [folder])
    assert changes.words(nothing) == ["fichiers : aucun créé ni modifié"]
    (folder / "sous/nouveau").write_text("après")
    (folder / "sous/ancien").write_text("après")
    assert changes.words(nothing) == ["fichiers : 2 créés ou modifiés"]


def test_a_folder_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    assert Changes((), [tmp_path / "absent"]).words(nothing) == ["fichiers : non mesuré"]


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_a_sqlite_database_is_told_apart_from_files(folder: Path, mode: str) -> None:
    path = folder / "base.sqlite"
    with closing(sqlite3.connect(path)) as database:
        database.execute(f"PRAGMA journal_mode = {mode}")
        database.execute("CREATE TABLE t (n)")
        database.commit()
        changes = Changes([SqliteDatabase("portail", path)], [folder])
        assert changes.words(nothing) == ["fichiers : aucun créé ni modifié", "base « portail » : inchangée"]
        database.execute("INSERT INTO t VALUES (1)")
        database.commit()
        assert changes.words(nothing)[1] == "base « portail » : modifiée"
    assert Changes([SqliteDatabase("x", folder / "absente")], []).words(nothing)[1] == "base « x » : non mesuré"


@pytest.mark.system
def test_postgresql_counts_rows(case: Case) -> None:
    case.change("CREATE TABLE saisie (n int)")
    changes = Changes([case.driver], [])
    case.change("INSERT INTO saisie SELECT generate_series(1, 12); DELETE FROM saisie WHERE n < 3")
    wait_until(lambda: changes.words(nothing)[1:] == ["base « pmsi » : 14 lignes écrites"], "the server's count")
    gone = PostgresDatabase("ailleurs", "postgresql://plateforme@127.0.0.1:1/x", case.secret)
    assert Changes([gone], []).words(nothing)[1] == "base « ailleurs » : non mesuré"
