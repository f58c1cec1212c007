"""The chain of roots: it only grows, and each link is signed by the one before."""

from pathlib import Path

import pytest
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Metadata, Root

from ospi_supervisor.archive.header import read_header
from ospi_supervisor.archive.trust import Trust
from ospi_supervisor.errors import ArchiveError, ConfigurationError
from ospi_supervisor.publisher.keys import load_signers, sign
from tests.support import archives


def next_root(keys: Path, signers: list[CryptoSigner] | None = None) -> bytes:
    """Version 2 of the root in `keys`, signed by `signers` or by its own keys."""
    metadata: Metadata[Root] = Metadata.from_bytes((keys / "root.json").read_bytes())
    metadata.signed.version = 2
    metadata.signatures.clear()
    return sign(metadata, load_signers(keys, "root") if signers is None else signers)


@pytest.fixture
def first(vendor: Path) -> bytes:
    """Version 1."""
    return (vendor / "root.json").read_bytes()


def test_a_chain_extends_the_trust(vendor: Path, trust: Trust, first: bytes) -> None:
    second = next_root(vendor)

    assert trust.extended([first, second]).version == 2
    assert trust.extended([first]).version == 1


def test_a_link_signed_by_somebody_else_is_refused(trust: Trust, first: bytes, vendor: Path, tmp_path: Path) -> None:
    foreign = load_signers(archives.make_keys(tmp_path), "root")

    with pytest.raises(ArchiveError) as refusal:
        trust.extended([first, next_root(vendor, foreign)])

    assert refusal.value.code == "foreign_key"


def test_a_link_under_the_threshold_is_refused(trust: Trust, first: bytes, vendor: Path) -> None:
    with pytest.raises(ArchiveError) as refusal:
        trust.extended([first, next_root(vendor, load_signers(vendor, "root")[:1])])

    assert refusal.value.code == "unsigned"


def test_a_version_out_of_turn_is_refused(trust: Trust, vendor: Path) -> None:
    with pytest.raises(ArchiveError, match="numéro de version"):
        trust.extended([next_root(vendor)])


def test_the_kept_root_never_goes_backwards(vendor: Path, trust: Trust, first: bytes, tmp_path: Path) -> None:
    initial = vendor / "root.json"
    assert Trust.load(initial, tmp_path).version == 1
    trust.extended([first, next_root(vendor)]).save(tmp_path, next_root(vendor))
    assert Trust.load(initial, tmp_path).version == 2

    trust.save(tmp_path, first)

    assert Trust.load(initial, tmp_path).version == 2


def test_an_older_archive_is_still_judged_by_the_newest_root(good: Path, vendor: Path) -> None:
    newest = Trust(next_root(vendor))
    with good.open("rb") as file:
        size = good.stat().st_size
        header = read_header(file, size, size, newest, archives.NOW)

    assert header is not None
    assert Trust(header.newest_root).version == 2


def test_an_unusable_root_is_a_configuration_error(tmp_path: Path) -> None:
    (tmp_path / "root.json").write_bytes(b"{}")

    with pytest.raises(ConfigurationError, match="racine"):
        Trust.load(tmp_path / "root.json", tmp_path / "kept")
    with pytest.raises(ConfigurationError, match="illisibles"):
        Trust.load(tmp_path / "absent.json", tmp_path / "kept")


def test_a_root_without_the_signatures_of_its_own_keys_is_never_trusted(vendor: Path, tmp_path: Path) -> None:
    foreign = load_signers(archives.make_keys(tmp_path), "root")
    for signers in ([], foreign, load_signers(vendor, "root")[:1]):
        with pytest.raises(ArchiveError):
            Trust(next_root(vendor, signers))


def test_another_vendors_root_of_the_same_version_is_not_ours(trust: Trust, vendor: Path, tmp_path: Path) -> None:
    """Well signed by its own keys, and yet nothing that leads from the root that is trusted."""
    other = archives.make_keys(tmp_path)
    for chain in ([(other / "root.json").read_bytes()], [(other / "root.json").read_bytes(), next_root(other)]):
        with pytest.raises(ArchiveError) as refusal:
            trust.extended(chain)
        assert refusal.value.code == "foreign_key"


def test_a_root_that_our_keys_signed_anew_is_no_substitute_for_ours(trust: Trust, vendor: Path) -> None:
    metadata: Metadata[Root] = Metadata.from_bytes((vendor / "root.json").read_bytes())
    metadata.signed.unrecognized_fields["x-other"] = True
    metadata.signatures.clear()
    with pytest.raises(ArchiveError) as refusal:
        trust.extended([sign(metadata, load_signers(vendor, "root"))])
    assert refusal.value.code == "foreign_key"
