"""Roots that are spelt otherwise, or are none: what a check keeps is good for every later one, and for archives."""

import json
from pathlib import Path
from typing import Any

import pytest
from securesystemslib.signer import CryptoSigner

from ospi_supervisor.archive.trust import Trust
from ospi_supervisor.errors import ConfigurationError, FeedError
from tests.support.http_server import Server
from tests.support.looking import run
from tests.support.vendor import Vendor, sign


def spelt_otherwise(vendor: Vendor, **changes: Any) -> bytes:
    """The newest root as other tools write it, each signature changed as asked."""
    path = vendor.metadata / f"{vendor.root.version}.root.json"
    document = json.loads(path.read_bytes())
    for signature in document["signatures"]:
        signature["sig"] = changes.get("sig", str)(signature["sig"])
    document["signatures"] += changes.get("more", [])
    path.write_bytes(json.dumps(document, indent=changes.get("indent")).encode())
    return path.read_bytes()


STRANGER = {"keyid": "ab" * 32, "sig": "cd" * 64}


@pytest.mark.parametrize(
    "changes", [{"sig": str.upper}, {"indent": 1}, {"more": [STRANGER]}], ids=["upper case", "indented", "a stranger's"]
)
def test_a_root_spelt_otherwise_is_what_it_says(
    server: Server, vendor: Vendor, state: Path, changes: dict[str, Any], tmp_path: Path
) -> None:
    """No key is needed to spell it so: what the check keeps must be good for every later check, and for archives."""
    newest = vendor.rotate()
    vendor.publish()
    spelt_otherwise(vendor, **changes)
    for _ in range(2):
        assert run(server, vendor, state).newest_root == newest
        (vendor.metadata / "2.root.json").write_bytes(newest)


@pytest.mark.parametrize(
    "answer",
    [
        b"<html>Bienvenue</html>",
        b"[" * 50_000,
        b'{"signed": {}, "signatures": []}',
        b'{"signed": 1}',
        b"\xff\xfe",
        b"",
    ],
)
def test_an_answer_that_is_no_root_spoils_nothing(server: Server, vendor: Vendor, state: Path, answer: bytes) -> None:
    newest = vendor.rotate()
    vendor.publish()
    (vendor.metadata / "2.root.json").write_bytes(answer)
    with pytest.raises(FeedError, match=r"pas celle d'un dépôt|pas signé"):
        run(server, vendor, state)
    (vendor.metadata / "2.root.json").write_bytes(newest)
    assert run(server, vendor, state).newest_root == newest


def test_a_state_that_an_earlier_program_spoilt_is_mended(server: Server, vendor: Vendor, state: Path) -> None:
    """It had kept roots that the chain does not prove: they go, and the repository's are taken."""
    newest = vendor.rotate()
    vendor.publish()
    run(server, vendor, state)
    (state / "root_history" / "2.root.json").write_bytes(sign(vendor.root, [CryptoSigner.generate_ed25519()]))
    (state / "root_history" / "3.root.json").write_bytes(b"{}")
    assert run(server, vendor, state).newest_root == newest


def test_a_root_learned_in_a_check_that_failed_is_not_forgotten(server: Server, vendor: Vendor, state: Path) -> None:
    """The keys that it revokes must not come back because the rest could not be had that night."""
    newest = vendor.rotate()
    (vendor.metadata / "timestamp.json").unlink(missing_ok=True)
    with pytest.raises(FeedError):
        run(server, vendor, state)
    (vendor.metadata / "2.root.json").unlink()
    vendor.publish()
    assert run(server, vendor, state).newest_root == newest


def test_a_delivered_root_that_was_indented_is_good(vendor: Vendor, tmp_path: Path) -> None:
    (tmp_path / "delivered.json").write_bytes(spelt_otherwise(vendor, indent=2))
    trust = Trust.load(tmp_path / "delivered.json", tmp_path / "kept")
    assert trust.root_bytes == vendor.first_root


def test_a_delivered_root_with_a_place_for_who_has_not_signed_is_good(vendor: Vendor, tmp_path: Path) -> None:
    """Some tools write an empty signature for each key that might sign."""
    late = CryptoSigner.generate_ed25519()
    vendor.root.add_key(late.public_key, "root")
    document = json.loads(vendor.write_root(vendor.signers["root"]))
    document["signatures"].append({"keyid": late.public_key.keyid, "sig": ""})
    (tmp_path / "delivered.json").write_text(json.dumps(document))
    assert Trust.load(tmp_path / "delivered.json", tmp_path / "kept").root == vendor.root


def test_a_delivered_root_that_too_few_of_its_keys_signed_is_none(vendor: Vendor, tmp_path: Path) -> None:
    document = json.loads(vendor.first_root)
    document["signatures"][0]["sig"] = "00" * 64
    (tmp_path / "delivered.json").write_text(json.dumps(document))
    with pytest.raises(ConfigurationError, match="n'est pas une racine de l'éditeur"):
        Trust.load(tmp_path / "delivered.json", tmp_path / "kept")
