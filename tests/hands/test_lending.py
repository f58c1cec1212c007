"""PostgreSQL's programs run as an account without rights, in a folder of root's that is lent to them."""

import os
import shutil
import stat
from pathlib import Path

import pytest

from ospi_supervisor.backup.postgres import PostgresDatabase
from ospi_supervisor.backup.psql import Client
from ospi_supervisor.errors import BackupError
from ospi_supervisor.hands.accounts import Account
from ospi_supervisor.hands.lending import UNUSED, lent, lent_empty, stranger
from tests.hands.accounts import NOBODY, start_as
from tests.support.system import require_root

WHO = """#!/bin/sh
{{ id -u; tr '\\0' ' ' < /proc/$$/cmdline; echo; }} >> {told}
exec {program} "$@"
"""
HOSTILE = """#!/bin/sh
for word; do case "$word" in --file=*) cd "${{word#--file=}}" ;; esac; done
{deed}
"""


def nothing(*_: object) -> None:
    """Nobody waits."""


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of programs that are found before the system's."""
    require_root("programs run as another account")
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder


def put(program: Path, text: str) -> None:
    program.write_text(text)
    program.chmod(0o755)


@pytest.fixture
def database(tmp_path: Path) -> PostgresDatabase:
    """One whose password root alone can read; nobody listens there."""
    secret = tmp_path / "mot-de-passe"
    secret.write_text("le secret")
    secret.chmod(0o600)
    return PostgresDatabase("pmsi", "postgresql://plateforme@127.0.0.1:1/pmsi", secret)


def test_no_program_of_postgresql_runs_as_root_or_shows_the_password(
    programs: Path, database: PostgresDatabase, tmp_path: Path
) -> None:
    told = tmp_path / "told"
    told.touch()
    told.chmod(0o666)
    for name in ("psql", "pg_dump", "pg_restore"):
        put(programs / name, WHO.format(told=told, program=shutil.which(name)))
    (tmp_path / "base").mkdir(mode=0o700)
    with pytest.raises(BackupError):
        database.size()
    with pytest.raises(BackupError):
        database.dump(tmp_path / "dump", nothing, low_priority=True)
    with pytest.raises(BackupError, match=str(tmp_path / "base")):
        database.prove(tmp_path / "base", nothing, thorough=True)
    lines = told.read_text().splitlines()
    assert {line for line in lines if line.isdigit()} == {str(stranger().user)}
    assert {Path(line.split()[1]).name for line in lines if not line.isdigit()} == {"psql", "pg_restore"}
    assert "secret" not in told.read_text()


@pytest.mark.parametrize(
    "deed",
    [
        "ln -s {root} toc.dat",
        "mkfifo toc.dat",
        "echo x > a; ln a toc.dat",
        "mkdir toc.dat",
    ],
)
def test_what_is_no_plain_file_of_its_own_is_neither_read_nor_given_away(
    programs: Path, database: PostgresDatabase, tmp_path: Path, deed: str
) -> None:
    root = tmp_path / "root"
    root.write_text("precious")
    root.chmod(0o600)
    put(programs / "psql", "#!/bin/sh\nsed -n \"s/^.echo /'public'\\\\n/p\"\n")
    put(programs / "pg_dump", HOSTILE.format(deed=deed.format(root=root)))
    with pytest.raises(BackupError, match="n'est pas un fichier de la sauvegarde"):
        database.dump(tmp_path / "dump", nothing, low_priority=True)
    facts = root.stat()
    assert (root.read_text(), facts.st_uid, stat.S_IMODE(facts.st_mode)) == ("precious", 0, 0o600)


@pytest.mark.parametrize("number", [UNUSED[0], NOBODY])
def test_what_was_filled_is_roots_and_can_be_read_but_not_written(tmp_path: Path, number: int) -> None:
    require_root("a folder is lent to another account")
    account, folder = Account(number, (number,)), tmp_path / "base"
    with lent_empty(folder, account) as place:
        (descriptor,) = place.descriptors
        write = "import sys; open(f'/proc/self/fd/{sys.argv[1]}/file', 'w').write('rows')"
        start_as(write, descriptor, account=number, pass_fds=[descriptor]).wait()
        inode = (folder / "file").stat().st_ino
    for path, mode in ((folder, 0o750), (folder / "file", 0o640)):
        facts = path.stat()
        assert (facts.st_uid, facts.st_gid, stat.S_IMODE(facts.st_mode)) == (0, number, mode)
    # Of an account that other processes have, none keeps a file open that the backup holds.
    assert ((folder / "file").stat().st_ino == inode) == (number in UNUSED)
    before = (folder / "file").stat()
    with lent(folder, account):
        assert (folder / "file").stat() == before
    assert (folder / "file").read_text() == "rows"


def test_a_server_that_knows_accounts_sees_the_configured_one(tmp_path: Path) -> None:
    require_root("programs run as another account")
    asked = Client("pmsi", "postgresql:///pmsi", None, "nobody").runs_as
    assert asked is not None
    assert asked.user == NOBODY
    assert Client("pmsi", "postgresql:///pmsi", None).runs_as is None
    assert Client("pmsi", "postgresql:///pmsi", tmp_path / "secret", "nobody").runs_as == stranger()
