"""The index is read strictly, and any name comes back exactly."""

import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ospi_supervisor.archive.entries import Entry, EntryKind, checked, decode_entry, encode_entry, encode_path
from ospi_supervisor.domain.manifest import Manifest
from ospi_supervisor.errors import ArchiveError

SHA = bytes(32)


def file(path: bytes, **fields: object) -> Entry:
    """A file's entry."""
    values: dict[str, object] = {"mode": 0o644, "size": 1, "sha256": SHA, "pack": 0, **fields}
    return Entry(path=path, kind=EntryKind.FILE, **values)  # type: ignore[arg-type]


def folder(path: bytes) -> Entry:
    """A folder's entry."""
    return Entry(path=path, kind=EntryKind.DIRECTORY, mode=0o755)


def link(path: bytes, target: bytes) -> Entry:
    """A link's entry."""
    return Entry(path=path, kind=EntryKind.LINK, target=target)


def read(entries: Sequence[Entry]) -> list[Entry]:
    """`entries` as an installer reads them, under a manifest that announces exactly them."""
    size = sum(entry.size for entry in entries)
    return list(checked(entries, Manifest(product="p", version="1", entries=len(entries), unpacked_bytes=size)))


names = st.binary(min_size=1, max_size=40).filter(lambda name: b"\0" not in name)


@given(path=names, target=names)
def test_any_name_comes_back_exactly_through_plain_json(path: bytes, target: bytes) -> None:
    line = encode_entry(link(path, target))

    assert decode_entry(line) == link(path, target)
    assert line.count(b"\n") == 1
    assert "\udcff" not in json.loads(line)["path"]


def test_paths_are_readable_where_they_can_be() -> None:
    assert encode_path("données/café 100%".encode()) == "données/café 100%25"
    assert encode_path(b"bad\xff\n") == "bad%FF\n"


@given(line=st.binary(max_size=200))
def test_a_line_that_is_no_entry_is_refused(line: bytes) -> None:
    with pytest.raises(ArchiveError):
        read([decode_entry(line)])


def test_a_harmless_tree_passes() -> None:
    entries = [
        folder(b"a"),
        file(b"a-b"),
        file(b"a/b", mode=0o755),
        link(b"a/c", b"../a-b"),
        link(b"z", b"a/not-there"),
    ]

    assert read(entries) == entries


@pytest.mark.parametrize(
    "entry",
    [
        file(b""),
        file(b"/etc/passwd"),
        file(b"../x"),
        file(b"a/../x"),
        file(b"a//x"),
        file(b"./x"),
        file(b"x\0y"),
        file(b"x" * 256),
        file(b"absent/x"),
        file(b"f/x"),
        file(b"l/x"),
        file(b"a"),
        file(b"x", mode=0o4755),
        file(b"x", mode=0o2755),
        file(b"x", mode=0o1755),
        file(b"x", size=-1),
        file(b"x", offset=-1),
        file(b"x", pack=-1),
        file(b"x", sha256=b"short"),
        file(b"x", base=b"short"),
        file(b"x", target=b"y"),
        link(b"x", b""),
        Entry(path=b"x", kind=EntryKind.DIRECTORY, size=3),
    ],
)
def test_what_is_never_extracted_is_refused(entry: Entry) -> None:
    tree = [folder(b"a"), file(b"f"), link(b"l", b"a"), entry]
    size = sum(item.size for item in tree)

    with pytest.raises(ArchiveError) as refusal:
        list(checked(tree, Manifest(product="p", version="1", entries=4, unpacked_bytes=size)))

    assert refusal.value.code == "unsafe"


@pytest.mark.parametrize(
    "links",
    [
        {b"x": b"/etc"},
        {b"x": b".."},
        {b"d/x": b"../../etc"},
        {b"d/up": b"..", b"x": b"d/up/../etc"},
        {b"d/e/up": b"../..", b"x": b"d/e/up/../secret"},
        {b"x": b"y", b"y": b"x"},
        {b"x": b"a\0b"},
    ],
)
def test_links_that_leave_the_release_are_refused_also_through_other_links(links: dict[bytes, bytes]) -> None:
    tree = sorted([folder(b"d"), folder(b"d/e"), *(link(*item) for item in links.items())], key=lambda e: e.path)

    with pytest.raises(ArchiveError) as refusal:
        read(tree)

    assert refusal.value.code == "unsafe"


@pytest.mark.parametrize(("entries", "size", "code"), [(1, 9, "unsafe"), (2, 1, "unsafe"), (3, 2, "tampered")])
def test_contents_must_be_what_the_manifest_announces(entries: int, size: int, code: str) -> None:
    manifest = Manifest(product="p", version="1", entries=entries, unpacked_bytes=size)

    with pytest.raises(ArchiveError) as refusal:
        list(checked([file(b"x"), file(b"y")], manifest))

    assert refusal.value.code == code
