"""What the public conformance suite of TUF clients asks of one without delegations, of ours and of python-tuf's own.

Each situation is played to both, which must answer alike; where ours differs, `docs/conformite-tuf.md` says why.
"""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import MetaFile

from tests.support.http_server import serving
from tests.support.tuf_clients import Client
from tests.support.vendor import Vendor, meta_file, sign

PAST = datetime(2020, 1, 1, tzinfo=UTC)
Refresh = Callable[[], bool]


def rewrite(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    document = json.loads(path.read_bytes())
    change(document)
    path.write_bytes(json.dumps(document).encode())


def with_roots(*roots: tuple[Sequence[int], int, Sequence[int]]) -> Callable[[Vendor, Client], list[bool]]:
    """A chain of roots after the first: the numbers of their keys, their threshold, and who signs each."""

    def play(vendor: Vendor, client: Client) -> list[bool]:
        signers = [CryptoSigner.generate_ed25519() for _ in range(10)]
        for version, (keys, threshold, signing) in enumerate(roots, start=1):
            vendor.root.version = version
            for key in list(vendor.root.roles["root"].keyids):
                vendor.root.revoke_key(key, "root")
            for number in keys:
                vendor.root.add_key(signers[number].public_key, "root")
            vendor.root.roles["root"].threshold = threshold
            data = vendor.write_root([signers[number] for number in signing])
            client.root = data if version == 1 else client.root
        vendor.publish()
        return [client.refresh(), client.version("root") == len(roots)]

    return play


def first_root(change: Callable[[dict[str, Any]], object]) -> Callable[[Vendor, Client], list[bool]]:
    def play(_: Vendor, client: Client) -> list[bool]:
        document = json.loads(client.root)
        change(document)
        client.root = json.dumps(document).encode()
        try:
            return [client.refresh()]
        except Exception:  # noqa: BLE001 - a root that is none may be refused in any way, before any request
            return [False]

    return play


def spoilt(role: str, change: Callable[[Vendor], object]) -> Callable[[Vendor, Client], list[bool]]:
    """Seen once, then one role is spoilt: refused, and what was kept of that role stays."""

    def play(vendor: Vendor, client: Client) -> list[bool]:
        seen = client.refresh()
        before = client.version(role)
        change(vendor)
        return [seen, client.refresh(), client.version(role) == before]

    return play


def bump(role: str, **changes: Any) -> Callable[[Vendor], None]:
    def change(vendor: Vendor) -> None:
        signed = getattr(vendor, role)
        for name, value in changes.items():
            setattr(signed, name, value)
        {"targets": vendor.publish, "snapshot": vendor.publish_snapshot, "timestamp": vendor.publish_timestamp}[role]()

    return change


def wrong_hash(role: str) -> Callable[[Vendor], None]:
    def change(vendor: Vendor) -> None:
        vendor.publish()
        if role == "targets":
            vendor.snapshot.meta["targets.json"].hashes = {"sha256": "0" * 64}
            vendor.publish_snapshot()
        else:
            vendor.timestamp.snapshot_meta.hashes = {"sha256": "0" * 64}
            vendor.publish_timestamp()

    return change


def absent(role: str) -> Callable[[Vendor], None]:
    def change(vendor: Vendor) -> None:
        vendor.publish()
        number = getattr(vendor, role).version
        name = "timestamp.json" if role == "timestamp" else f"{number}.{role}.json"
        (vendor.metadata / name).unlink()

    return change


def too_few_keys(vendor: Vendor) -> None:
    vendor.root.roles["snapshot"].threshold = 3
    vendor.rotate()
    vendor.publish()


def same_version_other_content(vendor: Vendor, client: Client) -> list[bool]:
    seen = client.refresh()
    vendor.timestamp.snapshot_meta = MetaFile(100)
    vendor.timestamp.version -= 1
    vendor.publish_timestamp()
    return [seen, client.refresh(), client.version("snapshot") == vendor.snapshot.version]


def duplicate_signatures(vendor: Vendor, client: Client) -> list[bool]:
    seen = client.refresh()
    vendor.publish()
    rewrite(vendor.metadata / "timestamp.json", lambda found: found["signatures"].append(found["signatures"][0]))
    return [seen, client.refresh()]


def a_useless_signature(vendor: Vendor, client: Client) -> list[bool]:
    """Of a key that may sign, and is wrong, beside one that is right and enough."""
    other = CryptoSigner.generate_ed25519()
    vendor.root.add_key(other.public_key, "timestamp")
    vendor.root.version += 1
    vendor.write_root(vendor.signers["root"])
    vendor.publish()
    wrong = {"keyid": other.public_key.keyid, "sig": "ab" * 64}
    rewrite(vendor.metadata / "timestamp.json", lambda found: found["signatures"].append(wrong))
    return [client.refresh()]


def unknown_fields(vendor: Vendor, client: Client) -> list[bool]:
    vendor.root.unrecognized_fields["custom"] = {"a": 1}
    vendor.root.roles["root"].unrecognized_fields["other"] = "value"
    vendor.rotate()
    vendor.publish()
    return [client.refresh(), client.version("root") == 2]


def fast_forward_recovery(role: str) -> Callable[[Vendor, Client], list[bool]]:
    """Whoever stole a key pushed a counter far ahead; new keys let clients follow lower ones again."""

    def play(vendor: Vendor, client: Client) -> list[bool]:
        low = getattr(vendor, role).version
        bump(role, version=99_999)(vendor)
        seen = client.refresh()
        for name in ("timestamp", "snapshot"):
            signer = CryptoSigner.generate_ed25519()
            for key in list(vendor.root.roles[name].keyids):
                vendor.root.revoke_key(key, name)
            vendor.root.add_key(signer.public_key, name)
            vendor.signers[name] = [signer]
        vendor.root.version += 1
        vendor.write_root(vendor.signers["root"])
        getattr(vendor, role).version = low + 9
        vendor.publish_snapshot()
        return [seen, client.refresh(), client.version(role) == low + 10]

    return play


def other_kind_of_key(vendor: Vendor, client: Client, make: Callable[[], CryptoSigner]) -> list[bool]:
    signer = make()
    vendor.root.add_key(signer.public_key, "root")
    vendor.root.roles["root"].threshold = 2
    vendor.root.version += 1
    vendor.write_root([*vendor.signers["root"], signer])
    vendor.publish()
    return [client.refresh(), client.version("root") == 2]


def wrong_type(vendor: Vendor) -> None:
    vendor.publish()
    (vendor.metadata / "timestamp.json").write_bytes(sign(vendor.snapshot, vendor.signers["timestamp"]))


def mixed_version(vendor: Vendor) -> None:
    """The number in the name is not the one inside."""
    vendor.publish()
    vendor.snapshot.version += 1
    data = sign(vendor.snapshot, vendor.signers["snapshot"])
    (vendor.metadata / f"{vendor.snapshot.version - 1}.snapshot.json").write_bytes(data)
    vendor.timestamp.snapshot_meta = meta_file(vendor.snapshot.version - 1, data)
    vendor.publish_timestamp()


def older_targets(vendor: Vendor) -> None:
    vendor.snapshot.meta["targets.json"] = MetaFile(1)
    vendor.publish_snapshot()


def expired_root(vendor: Vendor) -> None:
    vendor.root.expires = PAST
    vendor.rotate()
    vendor.publish()


def expired_targets(vendor: Vendor, client: Client) -> list[bool]:
    vendor.targets.expires = PAST
    vendor.publish()
    return [client.refresh()]


def removed_role(vendor: Vendor) -> None:
    del vendor.snapshot.meta["targets.json"]
    vendor.publish_snapshot()


ACCEPTED, REFUSED, FOLLOWED = [True], [False], [True, True]
KEPT = [True, False, True]

SITUATIONS: dict[str, tuple[Callable[[Vendor, Client], list[bool]], list[bool]]] = {
    "root: one key rotated": (with_roots(([1], 1, [1]), ([2], 1, [2, 1]), ([2], 1, [2])), FOLLOWED),
    "root: useless signatures": (
        with_roots(([1], 1, [3, 1, 4]), ([2], 1, [3, 2, 1, 4]), ([2], 1, [3, 2, 4])),
        FOLLOWED,
    ),
    "root: 3 of 5, other people each time": (
        with_roots(*(([0, 1, 2, 3, 4], 3, signing) for signing in ([0, 2, 4], [0, 4, 1], [0, 1, 3]))),
        FOLLOWED,
    ),
    "root: 3 of 5, one replaced": (
        with_roots(([0, 1, 2, 3, 4], 3, [0, 2, 4]), ([0, 1, 3, 4, 5], 3, [0, 4, 1])),
        FOLLOWED,
    ),
    "root: 3 of 5, all replaced": (
        with_roots(([0, 1, 2, 3, 4], 3, [0, 2, 4]), ([5, 6, 7, 8, 9], 3, [0, 2, 4, 5, 6, 7])),
        FOLLOWED,
    ),
    "root: threshold raised": (with_roots(([1, 2, 3], 1, [1]), ([1, 2, 3], 2, [1, 2])), FOLLOWED),
    "root: threshold lowered": (with_roots(([1, 2, 3], 2, [1, 2]), ([1, 2, 3], 1, [1, 2])), FOLLOWED),
    "root: not signed by the old key": (with_roots(([1], 1, [1]), ([2], 1, [2, 3, 4])), [False, False]),
    "root: not signed by the new key": (with_roots(([1], 1, [1]), ([2], 1, [1, 3, 4])), [False, False]),
    "root: too few of the new": (
        with_roots(([0, 1, 2, 3, 4], 3, [0, 2, 4]), ([0, 1, 3, 4, 5], 3, [0, 2, 4])),
        [False, False],
    ),
    "root: too few of the old": (
        with_roots(([0, 1, 2, 3, 4], 3, [0, 2, 4]), ([0, 1, 3, 4, 5], 3, [0, 4, 5])),
        [False, False],
    ),
    "root: new threshold not reached": (with_roots(([1, 2, 3], 1, [1]), ([1, 2, 3], 2, [2])), [False, False]),
    "root: old threshold not reached": (with_roots(([1, 2, 3], 2, [1, 2]), ([1, 2, 3], 1, [1])), [False, False]),
    "root: unknown fields": (unknown_fields, FOLLOWED),
    "root: expired": (spoilt("timestamp", expired_root), KEPT),
    "root: an elliptic key": (lambda v, c: other_kind_of_key(v, c, CryptoSigner.generate_ecdsa), FOLLOWED),
    "root: an RSA key": (lambda v, c: other_kind_of_key(v, c, CryptoSigner.generate_rsa), FOLLOWED),
    "the first root has no version": (first_root(lambda found: found["signed"].pop("version")), REFUSED),
    "the first root is not signed": (first_root(lambda found: found["signatures"][0].update(sig="ab" * 64)), REFUSED),
    "timestamp: expired": (spoilt("snapshot", bump("timestamp", expires=PAST)), KEPT),
    "timestamp: an older one": (spoilt("timestamp", bump("timestamp", version=0)), KEPT),
    "timestamp: absent": (spoilt("timestamp", absent("timestamp")), KEPT),
    "timestamp: of another type": (spoilt("timestamp", wrong_type), KEPT),
    "timestamp: other content, same version": (same_version_other_content, [True, True, True]),
    "timestamp: a signature twice": (duplicate_signatures, [True, False]),
    "timestamp: a useless signature": (a_useless_signature, ACCEPTED),
    "timestamp: fast forward, recovered": (fast_forward_recovery("timestamp"), [True, True, True]),
    "snapshot: expired": (spoilt("targets", bump("snapshot", expires=PAST)), KEPT),
    "snapshot: wrong hash": (spoilt("snapshot", wrong_hash("snapshot")), KEPT),
    "snapshot: absent": (spoilt("snapshot", absent("snapshot")), KEPT),
    "snapshot: another version inside": (spoilt("targets", mixed_version), KEPT),
    "snapshot: too few signatures": (spoilt("targets", too_few_keys), KEPT),
    "snapshot: fast forward, recovered": (fast_forward_recovery("snapshot"), [True, True, True]),
    "targets: expired": (expired_targets, REFUSED),
    "targets: wrong hash": (spoilt("targets", wrong_hash("targets")), KEPT),
    "targets: absent": (spoilt("targets", absent("targets")), KEPT),
    "targets: an older one": (spoilt("targets", older_targets), KEPT),
    "targets: removed from the snapshot": (spoilt("targets", removed_role), KEPT),
    "nothing new": (lambda _, client: [client.refresh(), client.refresh()], FOLLOWED),
}


@pytest.mark.parametrize("is_ours", [True, False], ids=["ours", "python-tuf"])
@pytest.mark.parametrize("name", SITUATIONS)
def test_a_situation(name: str, is_ours: bool, tmp_path: Path) -> None:
    play, expected = SITUATIONS[name]
    vendor = Vendor(tmp_path / "vendor")
    vendor.add("11.6.0", b"full")
    vendor.publish()
    vendor.publish()
    with serving(vendor.folder) as server:
        assert play(vendor, Client(server, tmp_path / "state", vendor.first_root, is_ours)) == expected
