"""A vendor's repository that a test bends at will: any metadata, signed by any keys. It is not `publisher`'s."""

import hashlib
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp

from ospi_supervisor.archive.metadata import encode
from ospi_supervisor.domain.offers import REPOSITORY_MARK, Offer, OfferKind

ROLES = ("root", "targets", "snapshot", "timestamp")


class Vendor:
    """Two keys out of three sign the targets; the other roles have one key."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.metadata = folder / "metadata"
        (folder / "targets" / "pmsipilot").mkdir(parents=True)
        self.metadata.mkdir()
        later = datetime.now(UTC).replace(microsecond=0) + timedelta(days=30)
        self.signers = {role: [CryptoSigner.generate_ed25519()] for role in ROLES}
        self.signers["targets"] += [CryptoSigner.generate_ed25519() for _ in range(2)]
        self.root = Root(expires=later, consistent_snapshot=True)
        for role, signers in self.signers.items():
            for signer in signers:
                self.root.add_key(signer.public_key, role)
        self.root.roles["targets"].threshold = 2
        self.targets = Targets(1, None, later, {}, None, {"x-ospi": REPOSITORY_MARK})
        self.snapshot = Snapshot(1, None, later, {})
        self.timestamp = Timestamp(1, None, later, MetaFile(1))
        self.first_root = self.write_root(self.signers["root"])

    def write_root(self, signers: Sequence[CryptoSigner]) -> bytes:
        """The root as it stands, signed and published under its version."""
        data = sign(self.root, signers)
        (self.metadata / f"{self.root.version}.root.json").write_bytes(data)
        return data

    def rotate(self, *, signed_by_old: bool = True) -> bytes:
        """A new root, with a new root key and a new timestamp key."""
        old = self.signers["root"]
        self.root.version += 1
        for role in ("root", "timestamp"):
            signer = CryptoSigner.generate_ed25519()
            for key in list(self.root.roles[role].keyids):
                self.root.revoke_key(key, role)
            self.root.add_key(signer.public_key, role)
            self.signers[role] = [signer]
        return self.write_root([*(old if signed_by_old else []), *self.signers["root"]])

    def add(self, version: str, data: bytes, base: str | None = None, **changes: Any) -> Offer:
        """A target with its file; `publish` makes it visible."""
        name = f"pmsipilot-{base}-to-{version}.ospi" if base else f"pmsipilot-{version}.ospi"
        fields: dict[str, Any] = {
            "path": f"pmsipilot/{name}",
            "size": len(data),
            "sha256": hashlib.sha256(data).hexdigest(),
            "kind": OfferKind.DELTA if base else OfferKind.FULL,
            "product": "pmsipilot",
            "version": version,
            "requires": ">=10.0.0",
            "date": date(2026, 6, 1),
            "base": base,
        }
        offer = Offer(**fields | changes)
        custom = {"custom": offer.custom()}
        self.targets.targets[offer.path] = TargetFile(offer.size, {"sha256": offer.sha256}, offer.path, custom)
        (self.folder / "targets" / offer.stored_path).write_bytes(data)
        return offer

    def publish(self, targets: bytes | None = None, target_signers: Sequence[CryptoSigner] | None = None) -> None:
        """New targets, snapshot and timestamp; `targets` replaces the bytes of the first."""
        self.targets.version += 1
        data = targets or sign(self.targets, target_signers or self.signers["targets"][:2])
        version = Metadata.from_bytes(data).signed.version
        (self.metadata / f"{version}.targets.json").write_bytes(data)
        self.snapshot.meta["targets.json"] = meta_file(version, data)
        self.publish_snapshot()

    def publish_snapshot(self) -> None:
        """A new snapshot and timestamp over the targets that it names."""
        self.snapshot.version += 1
        data = sign(self.snapshot, self.signers["snapshot"])
        (self.metadata / f"{self.snapshot.version}.snapshot.json").write_bytes(data)
        self.timestamp.snapshot_meta = meta_file(self.snapshot.version, data)
        self.publish_timestamp()

    def publish_timestamp(self, signers: Sequence[CryptoSigner] | None = None) -> None:
        """A new timestamp."""
        self.timestamp.version += 1
        data = sign(self.timestamp, signers or self.signers["timestamp"])
        (self.metadata / "timestamp.json").write_bytes(data)


def sign(signed: Root | Targets | Snapshot | Timestamp, signers: Sequence[CryptoSigner]) -> bytes:
    """Metadata of any kind, signed by any keys."""
    metadata: Metadata[Any] = Metadata(signed)
    for signer in signers:
        metadata.sign(signer, append=True)
    return encode(metadata)


def meta_file(version: int, data: bytes) -> MetaFile:
    """What names a metadata file in the one above it."""
    return MetaFile(version, len(data), {"sha256": hashlib.sha256(data).hexdigest()})
