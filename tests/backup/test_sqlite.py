"""A SQLite database is dumped in one state while it is written to, and restored without its old companions."""

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

from ospi_supervisor.backup.sqlite import SqliteDatabase
from ospi_supervisor.errors import BackupError, CancelledError
from tests.support.tmpfs import fill, small_disk

LEAVE_A_WAL = """
import os, sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("PRAGMA journal_mode = WAL")
connection.execute("INSERT INTO compte VALUES ('migrée', 1)")
connection.commit()
os._exit(0)  # as a program that is killed: the log stays
"""


def nothing() -> None:
    """Nobody waits."""


def balance(path: Path) -> tuple[int, int]:
    with closing(sqlite3.connect(path)) as connection:
        return tuple(connection.execute("SELECT count(*), coalesce(sum(montant), 0) FROM compte").fetchone())


@pytest.fixture
def database(tmp_path: Path) -> SqliteDatabase:
    path = tmp_path / "base de données.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE compte (nom TEXT, montant INTEGER)")
        connection.executemany("INSERT INTO compte VALUES (?, ?)", [(f"compte {n}" * 20, 0) for n in range(20_000)])
        connection.commit()
    return SqliteDatabase("compte", path)


def test_a_dump_is_one_state_while_others_write(database: SqliteDatabase, tmp_path: Path) -> None:
    stop = threading.Event()

    def transfer() -> None:
        with closing(sqlite3.connect(database.path, timeout=30)) as connection:
            while not stop.is_set():
                connection.execute("UPDATE compte SET montant = montant + 1 WHERE rowid = abs(random()) % 20000 + 1")
                connection.execute("UPDATE compte SET montant = montant - 1 WHERE rowid = abs(random()) % 20000 + 1")
                connection.commit()

    writer = threading.Thread(target=transfer)
    writer.start()
    try:
        for number in range(5):
            dump = tmp_path / f"copie-{number}"
            database.dump(dump, nothing, low_priority=True)
            database.prove(dump, nothing, thorough=True)
            assert balance(dump) == (20_000, 0)
    finally:
        stop.set()
        writer.join()


def test_a_stale_log_does_not_bring_migrated_rows_back(database: SqliteDatabase, tmp_path: Path) -> None:
    facts = database.dump(tmp_path / "copie", nothing, low_priority=False)
    subprocess.run([sys.executable, "-c", LEAVE_A_WAL, database.path], check=True)
    assert Path(f"{database.path}-wal").stat().st_size > 0
    database.restore(tmp_path / "copie", facts, nothing)
    assert not Path(f"{database.path}-wal").exists()
    assert balance(database.path) == (20_000, 0)


@pytest.mark.system
def test_on_a_full_disk_it_takes_the_room_of_what_it_replaces(database: SqliteDatabase, tmp_path: Path) -> None:
    facts, before = database.dump(tmp_path / "dump", nothing, low_priority=False), balance(database.path)
    with small_disk(tmp_path / "petit", "24m") as disk:
        crowded = SqliteDatabase("compte", disk / "base.db")
        shutil.copy(database.path, crowded.path)
        facts["path"] = str(crowded.path)
        subprocess.run([sys.executable, "-c", LEAVE_A_WAL, str(crowded.path)], check=True)
        fill(disk)
        crowded.restore(tmp_path / "dump", facts, nothing)
        assert (balance(crowded.path), sorted(path.name for path in disk.iterdir())) == (before, ["base.db", "filler"])


@pytest.mark.system
def test_a_disk_that_holds_neither_is_told(database: SqliteDatabase, tmp_path: Path) -> None:
    facts = database.dump(tmp_path / "dump", nothing, low_priority=False)
    with small_disk(tmp_path / "petit", "1m") as disk:
        crowded = SqliteDatabase("compte", disk / "base.db")
        crowded.path.write_bytes(b"migrated")
        facts["path"] = str(crowded.path)
        with pytest.raises(BackupError, match="le disque est plein"):
            crowded.restore(tmp_path / "dump", facts, nothing)
        assert [path.read_bytes() for path in disk.iterdir()] == [b"migrated"]


def test_a_log_that_a_killed_platform_left_is_part_of_the_dump(database: SqliteDatabase, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", LEAVE_A_WAL, database.path], check=True)
    database.dump(tmp_path / "copie", nothing, low_priority=False)
    assert balance(tmp_path / "copie") == (20_001, 1)


def test_owner_mode_and_attributes_come_back(database: SqliteDatabase, tmp_path: Path) -> None:
    os.setxattr(database.path, "user.cle", b"\0valeur")
    database.path.chmod(0o640)
    if os.getuid() == 0:
        os.chown(database.path, 12345, 54321)
    before = database.path.stat()
    facts = database.dump(tmp_path / "copie", nothing, low_priority=False)
    database.path.unlink()
    database.restore(tmp_path / "copie", facts, nothing)
    after = database.path.stat()
    assert stat.filemode(after.st_mode) == "-rw-r-----"
    assert (after.st_uid, after.st_gid) == (before.st_uid, before.st_gid)
    assert os.getxattr(database.path, "user.cle") == b"\0valeur"


def owner_and_mode(path: Path) -> tuple[int, int, int]:
    facts = path.lstat()
    return facts.st_uid, facts.st_gid, facts.st_mode


def test_a_link_put_in_the_place_of_what_a_restore_writes_is_not_followed(
    database: SqliteDatabase, tmp_path: Path
) -> None:
    """Whoever owns the folder would be given the file that the link names."""
    other = tmp_path / "ailleurs"
    other.write_text("à root")
    other.chmod(0o600)
    before = owner_and_mode(other)
    facts = database.dump(tmp_path / "copie", nothing, low_priority=False)
    Path(f"{database.path}.ospi-restauration").symlink_to(other)
    database.restore(tmp_path / "copie", {**facts, "uid": os.getuid(), "mode": 0o644}, nothing)
    assert (other.read_text(), owner_and_mode(other)) == ("à root", before)
    assert not database.path.is_symlink()
    assert balance(database.path) == (20_000, 0)


def test_a_missing_database_is_an_error_and_is_not_created(tmp_path: Path) -> None:
    database = SqliteDatabase("absente", tmp_path / "absente.db")
    for act in (database.check, database.size, lambda: database.dump(tmp_path / "copie", nothing, low_priority=True)):
        with pytest.raises(BackupError, match=r"la base « absente » \(.*absente.db\)"):
            act()
    assert not database.path.exists()


def test_a_corrupt_database_is_no_good_backup(database: SqliteDatabase, tmp_path: Path) -> None:
    with closing(sqlite3.connect(database.path)) as connection:
        connection.execute("CREATE INDEX nom ON compte (nom)")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("UPDATE sqlite_schema SET rootpage = 2 WHERE name = 'nom'")
        connection.commit()
    database.dump(tmp_path / "copie", nothing, low_priority=True)
    with pytest.raises(BackupError, match="la base « compte »"):
        database.prove(tmp_path / "copie", nothing, thorough=True)


def test_a_damaged_dump_is_found(database: SqliteDatabase, tmp_path: Path) -> None:
    dump = tmp_path / "copie"
    database.dump(dump, nothing, low_priority=True)
    os.truncate(dump, dump.stat().st_size // 2)
    with pytest.raises(BackupError, match="la base « compte »"):
        database.prove(dump, nothing, thorough=False)


def test_a_check_that_raises_stops_dump_and_proof(database: SqliteDatabase, tmp_path: Path) -> None:
    database.dump(tmp_path / "copie", nothing, low_priority=True)

    def cancel() -> None:
        raise CancelledError("annulée")

    with pytest.raises(CancelledError):
        database.dump(tmp_path / "autre", cancel, low_priority=True)
    with pytest.raises(CancelledError):
        database.prove(tmp_path / "copie", cancel, thorough=True)


def test_a_link_is_followed_to_the_database(database: SqliteDatabase, tmp_path: Path) -> None:
    (tmp_path / "lien.db").symlink_to(database.path)
    assert SqliteDatabase("lien", tmp_path / "lien.db").files() == database.files()


def in_french(connection: sqlite3.Connection) -> None:
    connection.create_collation(
        "FRANCAIS", lambda one, other: (one.lower() > other.lower()) - (one.lower() < other.lower())
    )
    connection.create_function("cle", 1, lambda text: text.lower(), deterministic=True)


FRENCH = {
    "index": "CREATE TABLE p (n TEXT); CREATE INDEX i ON p (n COLLATE FRANCAIS)",
    "column": "CREATE TABLE p (n TEXT COLLATE FRANCAIS UNIQUE)",
    "key": "CREATE TABLE p (n TEXT COLLATE FRANCAIS PRIMARY KEY) WITHOUT ROWID",
    "expression": "CREATE TABLE p (n TEXT); CREATE INDEX i ON p (cle(n))",
    "partial": "CREATE TABLE p (n TEXT); CREATE INDEX i ON p (n) WHERE cle(n) <> 'b'",
    "computed": "CREATE TABLE p (n TEXT, c TEXT GENERATED ALWAYS AS (cle(n)) VIRTUAL NOT NULL)",
    "constraint": "CREATE TABLE p (n TEXT CHECK (cle(n) <> 'z'))",
}


@pytest.mark.parametrize("sql", FRENCH.values(), ids=FRENCH)
@pytest.mark.parametrize("thorough", [True, False])
def test_what_only_the_application_registers_is_not_damage(tmp_path: Path, sql: str, thorough: bool) -> None:
    path = tmp_path / "prefs.db"
    with closing(sqlite3.connect(path)) as connection:
        in_french(connection)
        connection.executescript(sql)
        connection.executemany("INSERT INTO p (n) VALUES (?)", [("B",), ("é",), ("a",)])
        connection.commit()
    database = SqliteDatabase("prefs", path)
    database.check()
    database.dump(tmp_path / "copie", nothing, low_priority=True)
    database.prove(tmp_path / "copie", nothing, thorough=thorough)


def test_damage_is_found_where_something_is_unknown_too(tmp_path: Path) -> None:
    path = tmp_path / "prefs.db"
    with closing(sqlite3.connect(path)) as connection:
        in_french(connection)
        connection.executescript(FRENCH["index"])
        connection.executemany("INSERT INTO p VALUES (?)", [(f"nom {n}" * 50,) for n in range(1000)])
        connection.commit()
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 8192 * 4096)
        file.write(b"x" * 4096)
    database = SqliteDatabase("prefs", path)
    database.dump(tmp_path / "copie", nothing, low_priority=True)
    with pytest.raises(BackupError, match="la base « prefs » est abîmée"):
        database.prove(tmp_path / "copie", nothing, thorough=True)
