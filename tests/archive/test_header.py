"""The header is known early, and each member is proven as it arrives."""

import io
import tarfile
from datetime import timedelta
from pathlib import Path

import pytest
from tuf.api.metadata import Targets

from ospi_supervisor.archive import layout
from ospi_supervisor.archive.header import prove, read_header, read_member
from ospi_supervisor.archive.trust import Trust
from ospi_supervisor.errors import ArchiveError
from tests.support import archives


def test_standard_tar_lists_an_archive_in_the_order_of_the_format(good: Path) -> None:
    with tarfile.open(good) as tar:
        names = tar.getnames()

    assert names == [
        "metadata/1.root.json",
        "metadata/release.json",
        "manifest.json",
        "notice.pdf",
        "index.json.zst",
        "packs/0000.zst",
    ]


def test_more_bytes_are_asked_for_until_the_manifest_is_there(good: Path, trust: Trust) -> None:
    data = good.read_bytes()
    enough = data.index(b"notice.pdf\0", data.index(b"manifest.json\0"))
    needed = [
        available
        for available in range(0, len(data) + 1, layout.BLOCK)
        if read_header(io.BytesIO(data), available, len(data), trust, archives.NOW) is None
    ]

    assert needed == list(range(0, enough, layout.BLOCK))


def test_the_summary_says_what_the_archive_is(good: Path, trust: Trust) -> None:
    data = good.read_bytes()
    header = read_header(io.BytesIO(data), len(data), len(data), trust, archives.NOW)

    assert header is not None
    assert (header.summary.product, header.summary.version) == (archives.PRODUCT, "11.6.0")
    assert (header.summary.size, header.size) == (len(data), len(data))
    assert len(header.summary.signed_by) == 2
    assert not header.summary.expired
    assert read_member(io.BytesIO(data), header, layout.NOTICE) == archives.NOTICE


def test_an_archive_past_its_date_is_read_and_says_so(good: Path, trust: Trust) -> None:
    data = good.read_bytes()
    header = read_header(io.BytesIO(data), len(data), len(data), trust, archives.NOW + timedelta(days=400))

    assert header is not None
    assert header.summary.expired


def test_members_are_proven_one_after_the_other(good: Path, trust: Trust) -> None:
    data = good.read_bytes()
    header = read_header(io.BytesIO(data), len(data), len(data), trust, archives.NOW)
    assert header is not None
    boundaries = {0}
    boundary = 0
    for available in range(layout.BLOCK, len(data) + 1, layout.BLOCK):
        boundary = prove(io.BytesIO(data), header, boundary, available)
        boundaries.add(boundary)

    assert boundaries == {0, header.members[0].start, *(member.end for member in header.members), len(data)}
    assert boundary == header.size


def test_a_bad_member_is_found_as_soon_as_it_is_complete(good: Path, vendor: Path, tmp_path: Path) -> None:
    header = archives.header_of(good, vendor)
    bad = archives.tampered(good, tmp_path / "bad.ospi", member="notice.pdf").read_bytes()
    notice = header.member(layout.NOTICE)

    assert prove(io.BytesIO(bad), header, 0, notice.end - 1) == notice.start
    with pytest.raises(ArchiveError, match=r"notice\.pdf"):
        prove(io.BytesIO(bad), header, notice.start, notice.end)


@pytest.mark.parametrize(
    ("stamp", "words"),
    [
        (None, "pas celles d'une version"),
        ({"kind": "repository"}, "pas celles d'une version"),
        ({"kind": "release", "product": "x", "version": 1}, "absents"),
        ({"kind": "release", "product": "autre", "version": "11.6.0"}, "différents"),
    ],
)
def test_signed_metadata_must_be_those_of_this_release(
    good: Path, vendor: Path, tmp_path: Path, stamp: object, words: str
) -> None:
    """The repository's `targets.json` is signed by the same keys and must not pass for a release."""

    def change(targets: Targets) -> None:
        targets.unrecognized_fields["x-ospi"] = stamp

    bad = archives.resigned(good, tmp_path / "bad.ospi", vendor, change)

    with pytest.raises(ArchiveError, match=words):
        archives.header_of(bad, vendor)
