"""The sample archives: each is accepted, or refused with its own code, by what the supervisor reads archives with."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from demo.samples import INSTALLED, PRODUCT, Vendor
from ospi_supervisor.archive.header import prove, read_header
from ospi_supervisor.archive.trust import Trust
from ospi_supervisor.domain.acceptance import check_applicable
from ospi_supervisor.errors import ArchiveError

NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def vendor(tmp_path_factory: pytest.TempPathFactory) -> tuple[Vendor, dict[str, Path]]:
    """The vendor's folder and its archives."""
    vendor = Vendor(tmp_path_factory.mktemp("vendor"), NOW)
    return vendor, vendor.prepare()


def accept(vendor: Vendor, archive: Path) -> str:
    """The version of an archive that may be installed; ArchiveError for any other."""
    trust = Trust((vendor.keys / "root.json").read_bytes())
    size = archive.stat().st_size
    with archive.open("rb") as file:
        header = read_header(file, size, size, trust, NOW)
        assert header is not None
        check_applicable(header.manifest, PRODUCT, INSTALLED)
        prove(file, header, 0, size)
    return header.manifest.version


@pytest.mark.parametrize(
    ("name", "version"), [("good", "11.6.0"), ("failing_migration", "11.5.9"), ("failing_rehearsal", "11.5.8")]
)
def test_well_made_archives_are_accepted(vendor: tuple[Vendor, dict[str, Path]], name: str, version: str) -> None:
    assert accept(vendor[0], vendor[1][name]) == version


@pytest.mark.parametrize(
    "name", ["unsigned", "foreign_key", "tampered", "downgrade", "platform_too_old", "wrong_product", "decompressed"]
)
def test_bad_archives_are_refused_for_what_they_are(vendor: tuple[Vendor, dict[str, Path]], name: str) -> None:
    with pytest.raises(ArchiveError) as refusal:
        accept(vendor[0], vendor[1][name])
    assert refusal.value.code == name


def test_archives_are_longer_than_a_first_slice(vendor: tuple[Vendor, dict[str, Path]]) -> None:
    # Otherwise nobody would see that a bad one is refused before it is sent whole.
    assert all(path.stat().st_size > 1024 * 1024 for path in vendor[1].values())
