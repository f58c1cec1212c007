"""The record of a release on disk: what differs from it is found, and deleting a neighbour does not spoil it."""

import os
import shutil
from pathlib import Path

import msgspec
import pytest

from ospi_supervisor.archive.tree import (
    Change,
    Difference,
    InstalledTree,
    TreeRecord,
    audit,
    drifted,
    links_refreshed,
    record_tree,
)
from tests.support import archives


@pytest.fixture
def tree(tmp_path: Path) -> InstalledTree:
    """A recorded tree."""
    root = archives.make_tree(tmp_path / "release", {**archives.TREE, "venv/bin/python": b"#!"})
    (root / "link").symlink_to("VERSION")
    return InstalledTree(root, record_tree(root))


def test_a_record_survives_the_disk(tree: InstalledTree, tmp_path: Path) -> None:
    tree.record.save(tmp_path / "record")

    assert TreeRecord.load(tmp_path / "record") == tree.record


def test_a_record_written_by_an_earlier_version_is_read(tree: InstalledTree, tmp_path: Path) -> None:
    shorter = [msgspec.to_builtins(item, builtin_types=(bytes,))[:-1] for item in tree.record.items.values()]
    (tmp_path / "record").write_bytes(msgspec.msgpack.encode(shorter))

    assert TreeRecord.load(tmp_path / "record") == tree.record


def test_an_untouched_tree_has_no_difference(tree: InstalledTree) -> None:
    assert audit(tree) == []
    assert drifted(tree) == []


def test_every_kind_of_difference_is_found(tree: InstalledTree) -> None:
    times = (tree.root / "app/main.py").stat()
    (tree.root / "app/main.py").write_bytes(b"x" * times.st_size)
    os.utime(tree.root / "app/main.py", ns=(times.st_atime_ns, times.st_mtime_ns))
    (tree.root / "app/vide").unlink()
    (tree.root / "VERSION").chmod(0o600)
    (tree.root / "link").unlink()
    (tree.root / "link").symlink_to("app")
    (tree.root / "added").mkdir()
    (tree.root / "venv/bin/pip").write_bytes(b"written by a hook")

    assert audit(tree, writable=["venv"]) == [
        Difference("VERSION", Change.CHANGED),
        Difference("added", Change.ADDED),
        Difference("app/main.py", Change.CHANGED),
        Difference("app/vide", Change.MISSING),
        Difference("link", Change.CHANGED),
    ]
    assert set(drifted(tree)) == {"VERSION", "app/main.py", "app/vide"}


def test_removing_an_old_release_keeps_the_record_of_the_one_that_stays(tree: InstalledTree, tmp_path: Path) -> None:
    shutil.copytree(tree.root, tmp_path / "new", copy_function=os.link, symlinks=True)
    staying = InstalledTree(tmp_path / "new", record_tree(tmp_path / "new"))
    (tmp_path / "new/VERSION").unlink()
    (tmp_path / "new/VERSION").write_bytes(b"altered behind our back")

    with links_refreshed(staying):
        shutil.rmtree(tree.root)

    assert not tree.root.exists()
    assert drifted(staying) == ["VERSION"]
