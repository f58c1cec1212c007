"""A good archive taken to pieces, and keys to sign what is made of them."""

import copy
import hashlib
import json
import tarfile
from pathlib import Path
from typing import Any

from backports.zstd import compress
from securesystemslib.formats import encode_canonical

from ospi_supervisor.archive import layout
from ospi_supervisor.publisher.build import tar_member
from ospi_supervisor.publisher.keys import load_signers

Case = tuple[str, bytes]
ROOT = "root.json"
BOMB = compress(bytes(200 * 1024**2), 1)
FILE = {"kind": "file", "mode": 420, "size": 1, "sha256": hashlib.sha256(b"x").hexdigest(), "pack": 0}
ODD_VALUES: list[Any] = [None, True, -1, 2**53, 2**63, 10**400, 1.5, "", "x", "\u202e", [], {}, [[]] * 50, {"a": {}}]


class Vendor:
    """A good archive in parts, and keys to sign what is made of them."""

    def __init__(self, good: Path, keys: Path) -> None:
        self.root = (keys / ROOT).read_bytes()
        self.signers = load_signers(keys, "targets")
        with tarfile.open(good) as tar:
            self.members = {info.name: tar.extractfile(info).read() for info in tar}  # type: ignore[union-attr]
        self.release: dict[str, Any] = json.loads(self.members[layout.RELEASE])["signed"]
        self.manifest: dict[str, Any] = json.loads(self.members[layout.MANIFEST])
        self.good = good.read_bytes()

    def sign(self, signed: Any) -> bytes:
        """`signed` under the vendor's signatures, whatever it is; what cannot be spelled gets signatures of nothing."""
        try:
            payload = (encode_canonical(signed) or "").encode()
        except Exception:  # noqa: BLE001 - that is what such values are for
            payload = b""
        signatures = [signer.sign(payload).to_dict() for signer in self.signers]
        return spelled({"signatures": signatures, "signed": signed})

    def archive(self, release: bytes, **members: bytes) -> bytes:
        """The archive with that `release.json`; `members` are other contents, by the names below."""
        names = {"manifest": layout.MANIFEST, "index": layout.INDEX, "pack": layout.pack_name(0)}
        parts = self.members | {names[key]: data for key, data in members.items()} | {layout.RELEASE: release}
        return b"".join(tar_member(name, data) for name, data in parts.items()) + layout.END

    def signed_archive(self, unpacked: dict[str, int] | None = None, **members: bytes) -> bytes:
        """The archive with other contents of `members`, listed and signed as they are."""
        names = {"manifest": layout.MANIFEST, "index": layout.INDEX, "pack": layout.pack_name(0)}
        release = copy.deepcopy(self.release)
        for key, data in members.items():
            target = release["targets"][names[key]]
            target["length"], target["hashes"] = len(data), {"sha256": hashlib.sha256(data).hexdigest()}
            if unpacked and key in unpacked:
                target["custom"] = {"unpacked": unpacked[key]}
        return self.archive(self.sign(release), **members)

    def with_index(self, lines: bytes, frame: bytes | None = None, unpacked: int | None = None, **fields: Any) -> bytes:
        """The archive with that index, in that frame, and a manifest that announces what it holds, or `fields`."""
        entries = lines.count(b"\n")
        try:
            size = sum(json.loads(line).get("size", 0) for line in lines.splitlines())
        except (ValueError, AttributeError, TypeError):
            size = 0
        manifest = self.manifest | {"entries": entries, "unpacked_bytes": size} | fields
        return self.signed_archive(
            {"index": len(lines) if unpacked is None else unpacked},
            manifest=spelled(manifest),
            index=compress(lines) if frame is None else frame,
        )


def spelled(document: Any) -> bytes:
    """Compact JSON with sorted keys, where it can be."""
    try:
        return json.dumps(document, separators=(",", ":"), sort_keys=True).encode()
    except (TypeError, RecursionError):
        return b"{}"
