"""Each bad archive is refused with its own code and words; no byte can change or vanish unseen."""

import gzip
import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ospi_supervisor.archive import layout
from ospi_supervisor.archive.header import prove, read_header
from ospi_supervisor.archive.trust import Trust
from ospi_supervisor.errors import ARCHIVE_CODES, ArchiveError
from tests.support import archives


def prove_all(data: bytes, trust: Trust) -> None:
    """What the intake does with a whole file."""
    file = io.BytesIO(data)
    header = read_header(file, len(data), len(data), trust, archives.NOW)
    assert header is not None
    assert prove(file, header, 0, len(data)) == header.size == len(data)


def _zip(good: Path, output: Path) -> Path:
    with zipfile.ZipFile(output, "w") as file:
        file.write(good, good.name)
    return output


def _gzip(good: Path, output: Path) -> Path:
    output.write_bytes(gzip.compress(good.read_bytes()))
    return output


def _member(name: str) -> Callable[[Path, Path], Path]:
    def extract(good: Path, output: Path) -> Path:
        with tarfile.open(good) as tar:
            member = tar.extractfile(name)
            assert member is not None
            output.write_bytes(member.read())
        return output

    return extract


def _unpacked_index(good: Path, output: Path) -> Path:
    output.write_bytes(b'{"path":"VERSION","kind":"file"}\n')
    return output


def _release_tree(good: Path, output: Path) -> Path:
    with tarfile.open(output, "w") as tar:
        tar.add(good, "app/main.py")
    return output


def _without_metadata(good: Path, output: Path) -> Path:
    data = good.read_bytes()
    output.write_bytes(data[data.index(b"manifest.json\0") :])
    return output


def _without_release(good: Path, output: Path) -> Path:
    data = good.read_bytes()
    output.write_bytes(data[: data.index(b"metadata/release.json\0")] + data[data.index(b"manifest.json\0") :])
    return output


def _content(data: bytes) -> Callable[[Path, Path], Path]:
    def write(good: Path, output: Path) -> Path:
        output.write_bytes(data)
        return output

    return write


CASES: list[tuple[str, Callable[[Path, Path], Path], str, str]] = [
    ("empty", _content(b""), "empty", "vide"),
    ("repacked", archives.decompressed, "decompressed", "ne pas décompresser"),
    ("release tree", _release_tree, "decompressed", "ne pas décompresser"),
    ("zip", _zip, "decompressed", "zip"),
    ("gzip", _gzip, "decompressed", "gzip"),
    ("manifest", _member("manifest.json"), "decompressed", "extraite"),
    ("metadata", _member("metadata/release.json"), "decompressed", "extraite"),
    ("compressed index", _member("index.json.zst"), "decompressed", "extraite"),
    ("index", _unpacked_index, "decompressed", "extraite"),
    ("pack", _member("packs/0000.zst"), "decompressed", "extraite"),
    ("notice", _member("notice.pdf"), "not_an_archive", "notice"),
    ("web page", _content(b"\n<!DOCTYPE html><html>"), "not_an_archive", "page web"),
    ("noise", _content(b"\x00\x01" * 4000), "not_an_archive", "n'est pas une archive"),
    ("unsigned", archives.unsigned, "unsigned", "aucune signature"),
    ("under threshold", archives.under_threshold, "unsigned", "1 signature"),
    ("no metadata", _without_metadata, "unsigned", "absentes"),
    ("no release.json", _without_release, "unsigned", "release.json"),
    ("foreign key", archives.foreign_key, "foreign_key", "autre clé"),
    ("tampered", archives.tampered, "tampered", "packs/0000.zst"),
    ("truncated", archives.truncated, "truncated", "incomplète"),
    ("cut in the first block", lambda good, output: archives.truncated(good, output, 10), "truncated", "incomplète"),
]


@pytest.mark.parametrize(("make", "code", "words"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_each_bad_file_is_refused_in_its_own_words(
    good: Path, tmp_path: Path, trust: Trust, make: Callable[[Path, Path], Path], code: str, words: str
) -> None:
    bad = make(good, tmp_path / "bad.ospi")

    with pytest.raises(ArchiveError, match=words) as refusal:
        prove_all(bad.read_bytes(), trust)

    assert refusal.value.code == code
    assert str(refusal.value).count("décompresser") <= 1


@pytest.mark.parametrize("make", [archives.unsigned, archives.foreign_key])
def test_signatures_are_judged_from_the_first_slice(
    good: Path, tmp_path: Path, trust: Trust, make: Callable[[Path, Path], Path]
) -> None:
    bad = make(good, tmp_path / "bad.ospi").read_bytes()
    manifest_start = bad.index(b"manifest.json\0")

    with pytest.raises(ArchiveError):
        read_header(io.BytesIO(bad[:manifest_start]), manifest_start, 4 * 1024**3, trust, archives.NOW)


def test_an_announced_length_that_cannot_be_right_is_refused_at_once(good: Path, trust: Trust) -> None:
    data = good.read_bytes()

    for total, code in ((len(data) - 1, "truncated"), (len(data) + 1, "tampered")):
        with pytest.raises(ArchiveError) as refusal:
            read_header(io.BytesIO(data), 8192, total, trust, archives.NOW)
        assert refusal.value.code == code


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_no_single_changed_byte_passes(data: st.DataObject, good: Path, vendor: Path) -> None:
    contents = bytearray(good.read_bytes())
    offset = data.draw(st.integers(0, len(contents) - 1))
    contents[offset] ^= data.draw(st.integers(1, 255))

    with pytest.raises(ArchiveError) as refusal:
        prove_all(bytes(contents), Trust((vendor / "root.json").read_bytes()))

    assert refusal.value.code in ARCHIVE_CODES


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_no_truncation_passes(data: st.DataObject, good: Path, vendor: Path) -> None:
    contents = good.read_bytes()
    length = data.draw(st.integers(0, len(contents) - 1))

    with pytest.raises(ArchiveError) as refusal:
        prove_all(contents[:length], Trust((vendor / "root.json").read_bytes()))

    assert refusal.value.code == ("truncated" if length else "empty")


@settings(max_examples=200, deadline=None)
@given(noise=st.binary(max_size=3000), cut=st.integers(0, 3000))
def test_hostile_bytes_are_refused_and_never_crash(noise: bytes, cut: int, good: Path, vendor: Path) -> None:
    contents = good.read_bytes()[:cut] + noise

    with pytest.raises(ArchiveError):
        prove_all(contents, Trust((vendor / "root.json").read_bytes()))


@pytest.mark.parametrize(
    "metadata",
    [b"[" * 100_000, b'{"signatures":[],"signed":' + b'{"a":' * 5000 + b"1" + b"}" * 5001, b"{}", b"\xff", b"null"],
)
def test_hostile_metadata_are_refused_and_never_crash(metadata: bytes, trust: Trust) -> None:
    name = layout.root_name(1)
    data = layout.header_block(name, len(metadata)) + metadata + bytes(layout.padding(len(metadata)))
    data += layout.header_block(layout.RELEASE, len(metadata)) + metadata + bytes(layout.padding(len(metadata)))

    with pytest.raises(ArchiveError) as refusal:
        prove_all(data, trust)

    assert refusal.value.code == "tampered"


def test_an_enormous_announced_member_is_refused_before_it_is_read(trust: Trust) -> None:
    data = layout.header_block(layout.root_name(1), 8 * 1024**3 - 1)

    with pytest.raises(ArchiveError, match="excessive"):
        read_header(io.BytesIO(data), len(data), 9 * 1024**3, trust, archives.NOW)
