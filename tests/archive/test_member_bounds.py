"""What the vendor signed is held to the bounds too, and what was proven once is proven again when it is read."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from tuf.api.metadata import Targets

from ospi_supervisor.archive import layout
from ospi_supervisor.archive.header import Header, read_header, read_member
from ospi_supervisor.archive.trust import Trust
from ospi_supervisor.errors import ArchiveError
from tests.support import archives

PACK = layout.pack_name(0)


def header_with(good: Path, vendor: Path, output: Path, change: Callable[[Targets], None]) -> Header | None:
    """What is read of the beginning of an archive whose signed metadata went through `change`."""
    data = archives.resigned(good, output, vendor, change).read_bytes()
    return read_header(io.BytesIO(data), len(data), None, Trust((vendor / "root.json").read_bytes()), archives.NOW)


def sized(name: str, length: int) -> Callable[[Targets], None]:
    def change(targets: Targets) -> None:
        targets.targets[name].length = length

    return change


def unpacked(name: str, length: object) -> Callable[[Targets], None]:
    def change(targets: Targets) -> None:
        targets.targets[name].unrecognized_fields["custom"] = {"unpacked": length}

    return change


LENGTHS = [
    (layout.MANIFEST, layout.MAX_MANIFEST),
    (layout.NOTICE, layout.MAX_NOTICE),
    (layout.INDEX, layout.MAX_INDEX),
    (PACK, layout.MAX_PACK),
]
UNPACKED = [(layout.INDEX, layout.MAX_INDEX_UNPACKED), (PACK, layout.MAX_PACK)]


@pytest.mark.parametrize(("name", "most"), LENGTHS)
def test_a_member_beyond_its_bound_is_refused(good: Path, vendor: Path, tmp_path: Path, name: str, most: int) -> None:
    with pytest.raises(ArchiveError, match="longueur excessive") as refusal:
        header_with(good, vendor, tmp_path / "long.ospi", sized(name, most + 1))
    assert name in str(refusal.value)


@pytest.mark.parametrize(("name", "most"), LENGTHS[1:])
def test_a_member_as_long_as_its_bound_is_not(good: Path, vendor: Path, tmp_path: Path, name: str, most: int) -> None:
    header = header_with(good, vendor, tmp_path / "long.ospi", sized(name, most))
    assert header is not None
    assert header.member(name).length == most


@pytest.mark.parametrize(("name", "most"), UNPACKED)
def test_what_a_member_unpacks_to_is_bounded(good: Path, vendor: Path, tmp_path: Path, name: str, most: int) -> None:
    with pytest.raises(ArchiveError, match="décompressée excessive"):
        header_with(good, vendor, tmp_path / "bomb.ospi", unpacked(name, most + 1))
    header = header_with(good, vendor, tmp_path / "large.ospi", unpacked(name, most))
    assert header is not None
    assert header.member(name).unpacked == most


@pytest.mark.parametrize("length", [None, -1, "12"])
@pytest.mark.parametrize("name", [layout.INDEX, PACK])
def test_a_compressed_member_says_what_it_unpacks_to(
    good: Path, vendor: Path, tmp_path: Path, name: str, length: object
) -> None:
    with pytest.raises(ArchiveError) as refusal:
        header_with(good, vendor, tmp_path / "silent.ospi", unpacked(name, length))
    assert refusal.value.code == "tampered"


def test_a_member_without_its_hash_is_refused(good: Path, vendor: Path, tmp_path: Path) -> None:
    def change(targets: Targets) -> None:
        targets.targets[PACK].hashes = {"sha512": "00"}

    with pytest.raises(ArchiveError) as refusal:
        header_with(good, vendor, tmp_path / "nameless.ospi", change)
    assert refusal.value.code == "tampered"


@pytest.mark.parametrize("extra", ["packs/0007.zst", "autre"])
def test_members_are_those_of_the_format(good: Path, vendor: Path, tmp_path: Path, extra: str) -> None:
    def change(targets: Targets) -> None:
        targets.targets[extra] = targets.targets[PACK]

    with pytest.raises(ArchiveError, match="liste d'éléments inattendue"):
        header_with(good, vendor, tmp_path / "more.ospi", change)


@pytest.mark.parametrize("name", [layout.MANIFEST, layout.NOTICE])
def test_a_member_that_changed_after_it_was_proven_is_not_read(
    good: Path, trust: Trust, tmp_path: Path, name: str
) -> None:
    """The notice is shown minutes later, out of a file that the web account may write."""
    data = good.read_bytes()
    header = read_header(io.BytesIO(data), len(data), len(data), trust, archives.NOW)
    assert header is not None
    changed = archives.tampered(good, tmp_path / "changed.ospi", member=name)
    with changed.open("rb") as file, pytest.raises(ArchiveError) as refusal:
        read_member(file, header, name)
    assert refusal.value.code == "tampered"
