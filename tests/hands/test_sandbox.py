"""A hand sees nothing but its folder, has no environment and no descriptor but its pipes, and is bounded."""

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from ospi_supervisor.backup.snapshots import Snapshots
from ospi_supervisor.backup.sqlite import SqliteDatabase
from ospi_supervisor.errors import BackupError
from ospi_supervisor.hands import conversation, sandbox
from ospi_supervisor.hands.conversation import hand
from ospi_supervisor.hands.folder import FolderHand, FolderHands, folder_hand
from ospi_supervisor.hands.sandbox import KEEPING, View, enclosed
from tests.hands.accounts import NOBODY
from tests.support.system import require_root

PYTHON = os.path.realpath(sys.executable)
TELL = """
import json, os
open_ones = []
for number in range(3, 1024):
    try:
        os.fstat(number)
        open_ones.append(number)
    except OSError:
        pass
print(json.dumps([dict(os.environ), open_ones, os.listdir("/"), os.path.exists("/etc/passwd")]), flush=True)
"""

OTHERS = {"etc", "home", "opt", "proc", "sys", "dev", "tmp", "var", "mnt"}
"""Places of the machine that a hand must not see, but for the one that leads to its folder."""


def nothing() -> None:
    """Nobody waits."""


def said_by(code: str, *, folder: Path) -> subprocess.CompletedProcess[str]:
    with enclosed([PYTHON, "-I", "-S", "-c", code], View(folders=[folder], capabilities=KEEPING)) as (command, given):
        return subprocess.run(command, env={}, pass_fds=given, capture_output=True, text=True, check=False)


def test_it_has_no_environment_no_descriptor_and_sees_no_other_place(tmp_path: Path) -> None:
    require_root("hands of an ordinary user have that user's rights")
    with (tmp_path / "secret").open("w") as inherited:
        os.set_inheritable(inherited.fileno(), True)
        done = said_by(TELL, folder=tmp_path)
    environment, descriptors, places, passwords = json.loads(done.stdout)
    assert set(environment) <= {"PWD", "LC_CTYPE"}
    assert descriptors == []
    assert (OTHERS - {tmp_path.parts[1]}).isdisjoint(places)
    assert not passwords


@pytest.mark.parametrize("place", ["/etc/passwd", "/proc/1/root", "/dev/mem", "../../../../etc/shadow"])
def test_a_link_out_of_the_folder_leads_nowhere(tmp_path: Path, place: str) -> None:
    require_root("hands of an ordinary user have that user's rights")
    (tmp_path / "lien").symlink_to(place)
    with folder_hand(tmp_path) as started:
        with pytest.raises(FileNotFoundError):
            started.set_times([(f"{tmp_path}/lien/x", 1)], nothing)
        with pytest.raises(FileNotFoundError):
            started.set_aside([f"{tmp_path}/lien/x"], ".ospi-quarantaine-essai", [], nothing)
        with pytest.raises(OSError, match="Too many levels"):
            started.read_to_end(str(tmp_path / "lien"), nothing)


@pytest.mark.parametrize("place", ["/usr/bin/owned", "/owned", "{program}/owned"])
def test_nothing_is_written_beside_the_folder(tmp_path: Path, place: str) -> None:
    require_root("hands of an ordinary user have that user's rights")
    path = place.format(program=Path(conversation.__file__).parent)
    done = said_by(f"open({path!r}, 'w')", folder=tmp_path)
    assert "Read-only file system" in done.stderr
    assert not Path(path).exists()


def test_a_link_in_the_folders_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "données").symlink_to("/etc")
    if os.geteuid() == 0:
        with pytest.raises(NotADirectoryError), folder_hand(tmp_path / "données"):
            pytest.fail("a link was taken for a folder")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import os; os.write(1, b'x' * 300_000); input()", "en dit trop"),
        ("print('ceci', flush=True); input()", "autre chose que du JSON"),
        ("import sys; sys.exit('plus de mémoire')", "s'est arrêté (plus de mémoire)"),
    ],
)
def test_what_it_says_is_bounded_and_must_be_an_answer(tmp_path: Path, code: str, words: str) -> None:
    with (
        pytest.raises(BackupError) as caught,
        hand([PYTHON, "-I", "-S", "-c", code], View(folders=[tmp_path])) as started,
    ):
        list(started.ask("rien", nothing))
    assert words in str(caught.value)


def test_one_that_says_nothing_is_given_up(tmp_path: Path) -> None:
    with (
        pytest.raises(BackupError, match="ne répond plus"),
        hand([PYTHON, "-I", "-S", "-c", "import time; time.sleep(600)"], View(folders=[tmp_path])) as started,
    ):
        list(started.ask("rien", nothing, 0.3))


def test_names_that_are_not_in_the_folder_are_not_believed(tmp_path: Path) -> None:
    lie = '["etc/passwd","file",420,0,0,1,1,1,1]'
    code = f"import sys; sys.stdin.readline(); print({lie!r}); print('{{}}', flush=True)"
    with (
        hand([PYTHON, "-I", "-S", "-c", code], View(folders=[tmp_path])) as started,
        pytest.raises(BackupError, match="ne peut pas voir"),
    ):
        list(FolderHand(started, tmp_path).scan([], 0, nothing))


def test_one_operation_keeps_its_hand_in_a_folder(tmp_path: Path) -> None:
    with FolderHands() as hands:
        first = hands.of(tmp_path)
        assert len(list(first.scan([], 0, nothing))) == 1
        with pytest.raises(FileNotFoundError):
            first.sync([tmp_path / "rien"], nothing)
        assert hands.of(tmp_path) is first


def test_another_folder_at_the_same_place_has_a_hand_of_its_own(tmp_path: Path) -> None:
    folder = tmp_path / "données"
    folder.mkdir()
    with FolderHands() as hands:
        list(hands.of(folder).scan([], 0, nothing))
        folder.rename(tmp_path / "autre")
        folder.mkdir()
        (folder / "fichier").touch()
        assert len(list(hands.of(folder).scan([], 0, nothing))) == 2
        folder.rename(tmp_path / "encore")
        folder.symlink_to(tmp_path / "autre")
        if os.geteuid() == 0:
            with pytest.raises(NotADirectoryError):
                hands.of(folder)


def test_a_hand_that_was_not_heard_out_is_asked_no_more(tmp_path: Path) -> None:
    with FolderHands() as hands:
        first = hands.of(tmp_path)
        next(first.scan([], 0, nothing))
        assert hands.of(tmp_path) is not first
        assert len(list(hands.of(tmp_path).scan([], 0, nothing))) == 1


@pytest.fixture
def without_bubblewrap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A server that has `unshare` only, as CentOS 7."""
    require_root("hands of an ordinary user have that user's rights")
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "unshare").symlink_to("/usr/bin/unshare")
    monkeypatch.setattr(sandbox, "PROGRAMS", str(programs))
    sandbox.walls.cache_clear()
    yield
    sandbox.walls.cache_clear()


@pytest.mark.usefixtures("without_bubblewrap")
def test_without_bubblewrap_a_hand_sees_and_can_do_no_more(tmp_path: Path) -> None:
    assert sandbox.enclosure() == "unshare"
    folder = tmp_path / "données"
    folder.mkdir()
    with (tmp_path / "secret").open("w") as inherited:
        os.set_inheritable(inherited.fileno(), True)
        done = said_by(TELL, folder=folder)
    environment, descriptors, places, passwords = json.loads(done.stdout)
    assert (set(environment) <= {"PWD", "LC_CTYPE"}, descriptors, passwords) == (True, [], False)
    assert (OTHERS - {tmp_path.parts[1]}).isdisjoint(places)
    for path in ("/usr/bin/owned", "/owned"):
        assert "Read-only file system" in said_by(f"open({path!r}, 'w')", folder=folder).stderr
    assert "not permitted" in said_by("import os; os.chroot('/usr')", folder=folder).stderr


@pytest.mark.usefixtures("without_bubblewrap")
def test_without_bubblewrap_data_and_databases_are_saved_and_restored(tmp_path: Path) -> None:
    folder = tmp_path / "données"
    folder.mkdir()
    (folder / "fichier").write_text("avant")
    with closing(sqlite3.connect(folder / "base.db")) as connection:
        connection.execute("CREATE TABLE t (x)")
    os.chown(folder, NOBODY, NOBODY)
    os.chown(folder / "base.db", NOBODY, NOBODY)
    snapshots = Snapshots(tmp_path / "sauvegardes", [folder], [SqliteDatabase("base", folder / "base.db")], 2)
    snapshots.take_full("complete", "1.0", progress=lambda _: None, check=nothing)
    (folder / "fichier").write_text("après")
    (folder / "lien").symlink_to("/etc")
    snapshots.restore("complete", progress=lambda _: None)
    assert (folder / "fichier").read_text() == "avant"
    assert not (folder / "lien").is_symlink()
