"""Reading the vendor's tree: each file once, and only what stays as it is."""

import os
from io import BytesIO
from pathlib import Path

import pytest

from ospi_supervisor.errors import RefusedError
from ospi_supervisor.publisher.packs import PackWriter
from ospi_supervisor.publisher.payload import Packer, scan
from tests.support.archives import make_tree

LONG = bytes(range(256)) * 20
TREE = {"a/long": LONG, "a/long-again": LONG, "a/other": LONG[1:], "b/short": b"court", "b/short-again": b"court"}


def test_equal_contents_are_stored_once_and_others_beside(tmp_path: Path) -> None:
    items = scan(make_tree(tmp_path / "tree", TREE), None, ())
    with PackWriter(BytesIO(), pack_bytes=1024) as writer:
        packer = Packer(writer, items)
        places = {entry.path: (entry.pack, entry.offset) for entry in map(packer.entry, items)}
        written = writer.finish()

    assert places[b"a/long"] == places[b"a/long-again"] != places[b"a/other"]
    assert places[b"b/short"] == places[b"b/short-again"]
    assert sum(pack.unpacked for pack in written) == 2 * len(LONG) - 1 + len(b"court")


@pytest.mark.parametrize("name", ["a/long", "a/other", "b/short"])
def test_a_file_that_changes_during_the_build_is_refused(tmp_path: Path, name: str) -> None:
    tree = make_tree(tmp_path / "tree", TREE)
    items = scan(tree, None, ())
    with (tree / name).open("ab") as file:
        file.write(b"davantage")

    with PackWriter(BytesIO(), pack_bytes=1024) as writer, pytest.raises(RefusedError, match="a changé pendant"):
        list(map(Packer(writer, items).entry, items))


def test_a_file_is_read_once(tmp_path: Path) -> None:
    """The kernel counts what this process reads."""
    items = scan(make_tree(tmp_path / "tree", {f"file-{n}": os.urandom(50_000 + n) for n in range(20)}), None, ())
    with PackWriter(BytesIO()) as writer:
        packer = Packer(writer, items)
        before = _bytes_read()
        list(map(packer.entry, items))
        after = _bytes_read()

    assert after - before < 1.5 * sum(item.size for item in items)


def _bytes_read() -> int:
    lines = Path("/proc/self/io").read_text(encoding="ascii").splitlines()
    return int(dict(line.split(": ") for line in lines)["rchar"])
