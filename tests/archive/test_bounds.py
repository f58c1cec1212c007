"""What nobody has proven costs little, and what a library raises over it is a refusal."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tuf.api.metadata import Metadata

from ospi_supervisor.archive import layout
from ospi_supervisor.archive.entries import Entry, EntryKind, checked, decode_entry
from ospi_supervisor.archive.header import read_header
from ospi_supervisor.archive.links import check_links
from ospi_supervisor.archive.manifest import decode_manifest, encode_manifest
from ospi_supervisor.archive.metadata import MAX_KEYS, decode_release
from ospi_supervisor.archive.trust import Trust
from ospi_supervisor.domain.manifest import ENTRIES_MAX, Manifest
from ospi_supervisor.errors import ArchiveError
from ospi_supervisor.publisher.build import tar_member
from tests.support import archives

RSA = {"keytype": "rsa", "scheme": "pgp+rsa-pkcsv1.5", "keyval": {"public": {"e": "3", "n": "5"}}}
STAMP = {"x-ospi": {"kind": "release"}}
Change = Callable[[dict[str, Any]], None]


def many_keys(count: int) -> Change:
    """A root that lists `count` keys, each with a signature that nobody made."""

    def change(root: dict[str, Any]) -> None:
        ids = [f"{number:064x}" for number in range(count)]
        for key in ids:
            value = {"keytype": "ed25519", "scheme": "ed25519", "keyval": {"public": key}}
            root["signed"]["keys"][key] = value
        root["signed"]["roles"]["root"]["keyids"] = ids
        root["signatures"] = [{"keyid": key, "sig": "00" * 64} for key in ids]

    return change


def odd_key(key: dict[str, Any]) -> Change:
    """A root with one key of another kind, and a signature by it."""

    def change(root: dict[str, Any]) -> None:
        root["signed"]["keys"]["ab" * 32] = key
        root["signed"]["roles"]["root"]["keyids"].append("ab" * 32)
        root["signatures"].append({"keyid": "ab" * 32, "sig": "00"})

    return change


def more_roles(root: dict[str, Any]) -> None:
    """A root with roles that TUF does not know."""
    root["signed"]["roles"] |= {f"role{number}": {"keyids": [], "threshold": 1} for number in range(9)}


@pytest.mark.parametrize(
    "change",
    [
        many_keys(MAX_KEYS + 1),
        many_keys(4000),
        more_roles,
        odd_key(RSA),
        odd_key({"keytype": "ed25519", "scheme": "ed25519", "keyval": {"public": "zz" * 32}}),
        odd_key({"keytype": "ed25519", "scheme": "rsassa-pss-sha256", "keyval": {"public": "ab" * 32}}),
        odd_key({"keytype": "ecdsa", "scheme": "ecdsa-sha2-nistp256", "keyval": {"public": "ab"}}),
        odd_key({"keytype": "sphincs", "scheme": "sphincs-shake-128s", "keyval": {"public": "ab"}}),
        odd_key({"keytype": 5, "scheme": [], "keyval": None}),
        lambda root: root["signatures"].extend([{"keyid": "ab", "sig": "00"}] * MAX_KEYS),
        lambda root: root["signed"].update(version=10**400),
        lambda root: root["signed"].update(expires="9999-99-99T00:00:00Z"),
    ],
)
def test_odd_roots_are_refused_before_any_signature_is_looked_at(
    vendor: Path, trust: Trust, monkeypatch: pytest.MonkeyPatch, change: Change
) -> None:
    document = json.loads((vendor / "root.json").read_bytes())
    change(document)
    root = json.dumps(document, separators=(",", ":"), sort_keys=True).encode()
    head = tar_member(layout.root_name(1), root) + tar_member(layout.RELEASE, b"{}")
    looks: list[str] = []
    monkeypatch.setattr(
        "securesystemslib.signer.SSlibKey.verify_signature", lambda *args: looks.append("a signature was looked at")
    )

    with pytest.raises(ArchiveError) as refusal:
        read_header(io.BytesIO(head), len(head), None, trust, archives.NOW)

    assert refusal.value.code == "tampered"
    assert looks == []


@pytest.mark.parametrize(
    "document",
    [
        {"signatures": [], "signed": {"_type": "targets", **STAMP, "junk": [{}] * 1000}},
        {
            "signatures": [],
            "signed": {"_type": "targets", **STAMP, "delegations": {"keys": {}, "roles": []}},
        },
        {"signatures": [{"keyid": "ab", "sig": "00", "junk": [{}] * 1000}], "signed": STAMP},
    ],
)
def test_what_release_metadata_do_not_hold_is_never_built_in_memory(
    monkeypatch: pytest.MonkeyPatch, document: object
) -> None:
    built: list[bytes] = []
    monkeypatch.setattr(Metadata, "from_bytes", built.append)

    with pytest.raises(ArchiveError):
        decode_release(layout.RELEASE, json.dumps(document).encode())

    assert built == []


def test_a_root_beyond_its_bound_is_refused(vendor: Path) -> None:
    document = json.loads((vendor / "root.json").read_bytes())
    document["signed"]["x-junk"] = "x" * layout.MAX_ROOT
    root = json.dumps(document, separators=(",", ":"), sort_keys=True).encode()

    with pytest.raises(ArchiveError, match="excessive"):
        Trust(root)


def test_metadata_beyond_the_bounds_are_refused_unread(trust: Trust) -> None:
    data = layout.header_block(layout.root_name(1), layout.MAX_ROOT + 1)

    with pytest.raises(ArchiveError, match="excessive"):
        read_header(io.BytesIO(data), len(data), None, trust, archives.NOW)
    with pytest.raises(ArchiveError, match="excessive"):
        decode_release(layout.RELEASE, bytes(layout.MAX_METADATA + 1))


@pytest.mark.parametrize(
    "fields",
    [
        {"entries": ENTRIES_MAX + 1},
        {"entries": -1},
        {"unpacked_bytes": 2**70},
        {"unpacked_bytes": -1},
        {"requires": ">=" + "9" * 5000},
    ],
)
def test_a_signed_manifest_announces_what_can_be(fields: dict[str, Any]) -> None:
    manifest = Manifest(**({"product": "p", "version": "1"} | fields))

    with pytest.raises(ArchiveError) as refusal:
        decode_manifest(encode_manifest(manifest))

    assert refusal.value.code in ("unsafe", "tampered")


@pytest.mark.parametrize("field", ["mode", "size", "offset", "pack", "length"])
@pytest.mark.parametrize("value", [-1, 2**53, 2**80, 1.5, True, "1"])
def test_a_signed_index_has_no_impossible_number(field: str, value: object) -> None:
    with pytest.raises(ArchiveError):
        decode_entry(json.dumps({"path": "x", "kind": "file", field: value}).encode())


def test_an_index_is_read_no_further_than_was_announced() -> None:
    given = []

    def entries() -> Any:
        for number in range(1000):
            given.append(number)
            yield Entry(path=b"%04d" % number, kind=EntryKind.DIRECTORY, mode=0o755)

    with pytest.raises(ArchiveError):
        list(checked(entries(), Manifest(product="p", version="1", entries=3)))

    assert len(given) == 4


class _Counted(dict[bytes, bytes]):
    """Links that count how often they are looked for."""

    looks = 0

    def __contains__(self, key: object) -> bool:
        self.looks += 1
        return super().__contains__(key)


def test_links_that_lead_through_each_other_are_each_followed_once() -> None:
    """Followed anew from each link, the second half would walk the first again and again."""
    folders = b"d/" * 400
    links = _Counted({b"a": folders + b"../" * 399 + b".."} | {b"b%03d" % n: b"a" for n in range(500)})

    check_links(links)

    assert links.looks < 2000


@pytest.mark.parametrize("order", [1, -1])
def test_hops_are_counted_as_the_kernel_does_whatever_the_order(order: int) -> None:
    chain = [(b"l%02d" % n, b"l%02d" % (n + 1)) for n in range(41)][::order]

    check_links(dict(link for link in chain if link[0] != b"l00"))
    with pytest.raises(ArchiveError):
        check_links(dict(chain))
