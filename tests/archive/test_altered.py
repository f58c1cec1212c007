"""Files of a release that hooks altered are told from those whose inode changed and nothing else."""

import os
from pathlib import Path

import pytest

from ospi_supervisor.archive.tree import InstalledTree, altered, drifted, record_tree
from tests.support import archives


class Beats:
    """Counts the files that were read."""

    def __init__(self) -> None:
        self.read = 0

    def __call__(self) -> None:
        self.read += 1


@pytest.fixture
def tree(tmp_path: Path) -> InstalledTree:
    root = archives.make_tree(tmp_path / "release")
    return InstalledTree(root, record_tree(root))


@pytest.fixture
def beats() -> Beats:
    return Beats()


def test_an_untouched_tree_costs_no_reading(tree: InstalledTree, beats: Beats) -> None:
    assert altered(tree, (), beats) == []
    assert beats.read == 0


def test_a_file_whose_inode_alone_changed_is_not_altered(tree: InstalledTree, beats: Beats, tmp_path: Path) -> None:
    main, version = tree.root / "app/main.py", tree.root / "VERSION"
    os.utime(main, ns=(0, main.stat().st_mtime_ns))  # as a backup that puts access times back
    os.link(version, tmp_path / "link")
    assert set(drifted(tree)) == {"app/main.py", "VERSION"}
    assert altered(tree, (), beats) == []
    assert beats.read == 2


def test_contents_mode_kind_and_absence_are_told(tree: InstalledTree, beats: Beats) -> None:
    main = tree.root / "app/main.py"
    times = main.stat()
    main.write_bytes(b"x" * times.st_size)
    os.utime(main, ns=(times.st_atime_ns, times.st_mtime_ns))
    (tree.root / "VERSION").chmod(0o600)
    (tree.root / "app/vide").unlink()
    assert set(altered(tree, (), beats)) == {"app/main.py", "VERSION", "app/vide"}
    (tree.root / "app/vide").symlink_to("/dev/null")
    assert "app/vide" in altered(tree, (), beats)
    assert altered(tree, ("app",), beats) == ["VERSION"]
