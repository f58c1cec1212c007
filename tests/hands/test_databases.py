"""SQLite is run as the account that owns the database, and obeys nothing that another put in its place."""

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import pytest

from ospi_supervisor.backup.sqlite import SqliteDatabase
from ospi_supervisor.errors import BackupError
from tests.hands.accounts import NOBODY, as_account, give

HOT_JOURNAL = r"""
import os, sqlite3, struct, sys
file, victim = sys.argv[1:]
page, sector, nonce, magic = open(file, "rb").read(4096), 512, 0x1234, bytes.fromhex("d9d505f920a163d7")
def checksum(data):
    total, i = nonce, len(data) - 200
    while i > 0:
        total = (total + data[i]) & 0xffffffff
        i -= 200
    return total
head = (magic + struct.pack(">IIIII", 1, nonce, os.path.getsize(file) // 4096, sector, 4096)).ljust(sector, b"\0")
name = victim.encode()
tail = struct.pack(">I", 0x40000000 // 4096 + 1) + name + struct.pack(">II", len(name), sum(name) & 0xffffffff) + magic
open(file + "-journal", "wb").write(head + struct.pack(">I", 1) + page + struct.pack(">I", checksum(page)) + tail)
"""
MAKE = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("create table t(x)")
connection.execute("insert into t values (1)")
connection.commit()
connection.close()
"""


def nothing() -> None:
    """Nobody waits."""


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    """A database of nobody's, in nobody's folder."""
    folder = tmp_path / "données"
    folder.mkdir()
    give(folder)
    as_account(MAKE, folder / "portail.db")
    return folder / "portail.db"


@pytest.mark.parametrize("act", ["check", "dump"])
def test_a_journal_that_names_a_file_of_roots_deletes_nothing(theirs: Path, tmp_path: Path, act: str) -> None:
    victim = tmp_path / "only-root"
    victim.write_text("precious")
    victim.chmod(0o600)
    as_account(HOT_JOURNAL, theirs, victim)
    database = SqliteDatabase("portail", theirs, "nobody")
    if act == "check":
        database.check()
    else:
        database.dump(tmp_path / "copie", nothing, low_priority=False)
        assert (tmp_path / "copie").stat().st_uid == 0
    assert victim.read_text() == "precious"


@pytest.mark.parametrize("account", ["nobody", None])
@pytest.mark.parametrize("owner", [0, 1])
def test_the_file_of_another_account_in_its_place_is_refused(
    theirs: Path, tmp_path: Path, account: str | None, owner: int
) -> None:
    os.chown(theirs, owner, owner)
    theirs.chmod(0o644)
    database = SqliteDatabase("portail", theirs, account)
    for act in (database.check, lambda: database.dump(tmp_path / "copie", nothing, low_priority=True)):
        with pytest.raises(BackupError, match=rf"est au compte {owner}, et non au compte {NOBODY}.*chown"):
            act()


@pytest.mark.parametrize("account", ["nobody", None])
def test_a_link_to_a_database_of_roots_is_refused(theirs: Path, tmp_path: Path, account: str | None) -> None:
    secret = tmp_path / "secret.db"
    with closing(sqlite3.connect(secret)) as connection:
        connection.execute("CREATE TABLE secret (x)")
        connection.commit()
    theirs.unlink()
    theirs.symlink_to(secret)
    with pytest.raises(BackupError, match=r"est au compte 0|unable to open"):
        SqliteDatabase("portail", theirs, account).dump(tmp_path / "copie", nothing, low_priority=False)


def test_its_owner_and_contents_come_back_through_hands(theirs: Path, tmp_path: Path) -> None:
    database = SqliteDatabase("portail", theirs, "nobody")
    facts = database.dump(tmp_path / "copie", nothing, low_priority=False)
    as_account("import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('drop table t'); c.commit()", theirs)
    database.restore(tmp_path / "copie", facts, nothing)
    assert (theirs.stat().st_uid, theirs.stat().st_gid) == (NOBODY, NOBODY)
    with closing(sqlite3.connect(theirs)) as connection:
        assert connection.execute("SELECT x FROM t").fetchall() == [(1,)]


def test_a_dump_is_proven_by_an_account_without_rights_and_stays_roots(theirs: Path, tmp_path: Path) -> None:
    database = SqliteDatabase("portail", theirs, "nobody")
    database.dump(tmp_path / "copie", nothing, low_priority=False)
    database.prove(tmp_path / "copie", nothing, thorough=True)
    assert ((tmp_path / "copie").stat().st_uid, (tmp_path / "copie").stat().st_mode & 0o777) == (0, 0o600)


GREEDY = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("create table g(x, y generated always as (hex(zeroblob(x))) virtual)")
connection.execute("insert into g(x) values (200000000)")
connection.execute("pragma writable_schema = on")
connection.execute("update sqlite_schema set sql = replace(sql, 'virtual)', 'virtual not null)') where name = 'g'")
connection.commit()
"""


def test_a_database_whose_expressions_ask_for_gigabytes_is_refused(theirs: Path, tmp_path: Path) -> None:
    as_account(GREEDY, theirs)
    database = SqliteDatabase("portail", theirs, "nobody")
    database.dump(tmp_path / "copie", nothing, low_priority=False)
    with pytest.raises(BackupError, match="plus de mémoire que son contrôle n'en a"):
        database.prove(tmp_path / "copie", nothing, thorough=True)


@pytest.mark.parametrize("beside", ["", "-wal", "-shm", "-journal"])
def test_a_pipe_or_noise_in_a_files_place_harms_nothing_else(theirs: Path, tmp_path: Path, beside: str) -> None:
    """The read of a pipe that nobody writes would not end: that account's hand gives up, or says what is there."""
    place = Path(f"{theirs}{beside}")
    database = SqliteDatabase("portail", theirs, "nobody")
    as_account("import os, sys; open(sys.argv[1], 'ab').write(os.urandom(1 << 16))", place)
    with suppress(BackupError):
        database.dump(tmp_path / "copie", nothing, low_priority=False)
    place.unlink(missing_ok=True)
    as_account("import os, sys; os.mkfifo(sys.argv[1])", place)
    left = 20

    def stop() -> None:
        nonlocal left
        left -= 1
        if not left:
            raise TimeoutError

    with suppress(BackupError, TimeoutError):
        database.dump(tmp_path / "autre", stop, low_priority=False)
    for copy in (tmp_path / "copie", tmp_path / "autre"):
        assert not copy.exists() or copy.stat().st_uid == 0
