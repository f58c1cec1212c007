"""No link that another account can have put in a path leads root anywhere."""

import os
from pathlib import Path

import pytest

from ospi_supervisor.errors import BackupError
from ospi_supervisor.hands.descent import make_folder, open_folder, others_can_change, resolved
from tests.support.system import require_root

THEIRS = 65534


def test_a_link_of_ours_is_followed_and_what_is_missing_is_kept(tmp_path: Path) -> None:
    (tmp_path / "grand disque" / "données").mkdir(parents=True)
    (tmp_path / "données").symlink_to("grand disque/../grand disque/données")
    assert resolved(tmp_path / "données" / "absent" / "plus bas") == tmp_path / "grand disque/données/absent/plus bas"


def test_a_link_in_a_folder_of_another_accounts_is_refused(tmp_path: Path) -> None:
    require_root("a folder is given to another account")
    theirs = tmp_path / "à eux"
    theirs.mkdir()
    os.chown(theirs, THEIRS, THEIRS)
    (theirs / "données").symlink_to("/etc")
    with pytest.raises(BackupError, match=f"{theirs}/données est un lien .* ne le suit pas"):
        resolved(theirs / "données" / "ssl")


def test_a_link_in_a_folder_that_others_write_in_is_refused_unless_it_is_ours(tmp_path: Path) -> None:
    require_root("a link is given to another account")
    shared = tmp_path / "partagé"
    shared.mkdir()
    shared.chmod(0o1777)
    (shared / "à eux").symlink_to("/etc")
    os.lchown(shared / "à eux", THEIRS, THEIRS)
    (shared / "à nous").symlink_to("/etc")
    assert resolved(shared / "à nous") == Path("/etc")
    with pytest.raises(BackupError, match="à eux est un lien"):
        resolved(shared / "à eux")
    shared.chmod(0o777)
    with pytest.raises(BackupError, match="à nous est un lien"):
        resolved(shared / "à nous")


def test_a_loop_of_links_ends(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(BackupError, match="est un lien"):
        resolved(tmp_path / "a")


@pytest.mark.parametrize("name", ["lien", "lien/dedans", "fichier"])
def test_what_is_opened_is_a_folder_behind_no_link(tmp_path: Path, name: str) -> None:
    (tmp_path / "dossier" / "dedans").mkdir(parents=True)
    (tmp_path / "lien").symlink_to("dossier")
    (tmp_path / "fichier").touch()
    with pytest.raises(NotADirectoryError, match=name):
        open_folder(tmp_path / name)
    os.close(open_folder(tmp_path / "dossier" / "dedans"))


def test_missing_folders_are_made_behind_no_link(tmp_path: Path) -> None:
    make_folder(tmp_path / "a" / "b")
    make_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()
    (tmp_path / "lien").symlink_to("a")
    with pytest.raises(NotADirectoryError):
        make_folder(tmp_path / "lien" / "c")
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b"]


def test_a_place_that_another_account_could_change_is_named(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    assert others_can_change(tmp_path / "a" / "b" / "à venir") is None
    (tmp_path / "a" / "b").chmod(0o777)
    assert others_can_change(tmp_path / "a" / "b") == tmp_path / "a" / "b"
    (tmp_path / "a" / "b").chmod(0o1777)  # as /tmp, where nobody replaces what is another's
    assert others_can_change(tmp_path / "a" / "b") is None
    if os.geteuid() == 0:
        os.chown(tmp_path / "a", 65534, 0)
        assert others_can_change(tmp_path / "a" / "b") == tmp_path / "a"
