"""Small real archives, good and bad, built in a few milliseconds by the publisher's own code."""

import hashlib
import io
import os
import tarfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from backports import zstd
from tuf.api.metadata import Metadata, TargetFile, Targets

from ospi_supervisor.archive import layout
from ospi_supervisor.archive.header import Header, read_header
from ospi_supervisor.archive.metadata import encode
from ospi_supervisor.archive.trust import Trust
from ospi_supervisor.domain.manifest import Hook, Manifest
from ospi_supervisor.publisher.build import Sources, build, tar_member
from ospi_supervisor.publisher.keys import init_keys, load_signers, sign

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
PRODUCT = "portail-bi"
NOTICE = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
TREE: Mapping[str, bytes] = {"VERSION": b"11.6.0\n", "app/main.py": b"print('bonjour')\n" * 50, "app/vide": b""}


def make_keys(folder: Path) -> Path:
    """A vendor's key folder, made in `folder`/keys; `folder`/keys/root.json is what hospitals trust."""
    keys = folder / "keys"
    init_keys(keys, NOW)
    return keys


def make_tree(folder: Path, files: Mapping[str, bytes] = TREE) -> Path:
    """A release's tree in `folder`, made of `files`."""
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def build_archive(
    output: Path,
    keys: Path,
    payload: Path,
    *,
    product: str = PRODUCT,
    version: str = "11.6.0",
    requires: str = ">=10.0.0",
    hooks: Path | None = None,
    hook_list: tuple[Hook, ...] = (),
    writable: tuple[str, ...] = (),
    supported_os: tuple[str, ...] = (),
    notice: bytes = NOTICE,
    expires: datetime = NOW + timedelta(days=365),
    supervisor: str = "",
) -> Path:
    """A good archive of the tree `payload`, written to `output`."""
    output.parent.mkdir(parents=True, exist_ok=True)
    notice_path = output.with_suffix(".notice.pdf")
    notice_path.write_bytes(notice)
    manifest = Manifest(
        product=product,
        version=version,
        requires=requires,
        hooks=hook_list,
        writable=writable,
        os=supported_os,
        supervisor=supervisor,
    )
    build(Sources(payload=payload, notice=notice_path, hooks=hooks, keys=keys, expires=expires), manifest, output)
    notice_path.unlink()
    return output


def header_of(archive: Path, keys: Path) -> Header:
    """The proven header of a good archive."""
    with archive.open("rb") as file:
        size = archive.stat().st_size
        header = read_header(file, size, size, Trust((keys / "root.json").read_bytes()), NOW)
    assert header is not None
    return header


def unsigned(archive: Path, output: Path) -> Path:
    """`archive` without any signature on its release metadata."""

    def strip(metadata: Metadata[Targets]) -> bytes:
        metadata.signatures.clear()
        return encode(metadata)

    return with_release(archive, output, strip)


def under_threshold(archive: Path, output: Path) -> Path:
    """`archive` with one signature fewer than asked for."""

    def drop_one(metadata: Metadata[Targets]) -> bytes:
        metadata.signatures.popitem()
        return encode(metadata)

    return with_release(archive, output, drop_one)


def foreign_key(archive: Path, output: Path) -> Path:
    """The contents of `archive`, signed and rooted by somebody else's keys."""
    keys = output.parent / f"{output.name}.foreign"
    init_keys(keys, NOW)

    def sign_anew(metadata: Metadata[Targets]) -> bytes:
        metadata.signatures.clear()
        return sign(metadata, load_signers(keys, "targets"))

    return with_release(archive, output, sign_anew, roots=[(keys / "root.json").read_bytes()])


def resigned(archive: Path, output: Path, keys: Path, change: Callable[[Targets], Any]) -> Path:
    """`archive` whose release metadata went through `change` and were signed again by the vendor's own keys."""

    def apply(metadata: Metadata[Targets]) -> bytes:
        change(metadata.signed)
        metadata.signatures.clear()
        return sign(metadata, load_signers(keys, "targets"))

    return with_release(archive, output, apply)


def tampered(archive: Path, output: Path, offset: int | None = None, member: str = "packs/0000.zst") -> Path:
    """`archive` with one byte changed: at `offset`, or in the middle of `member`."""
    data = bytearray(archive.read_bytes())
    if offset is None:
        with tarfile.open(archive) as tar:
            found = tar.getmember(member)
        offset = found.offset_data + found.size // 2
    data[offset] ^= 0x01
    output.write_bytes(data)
    return output


def truncated(archive: Path, output: Path, length: int | None = None) -> Path:
    """The first `length` bytes of `archive`, by default all but its last kibibyte and a half."""
    data = archive.read_bytes()
    output.write_bytes(data[: len(data) - 1536 if length is None else length])
    return output


def empty(output: Path) -> Path:
    """A file without a byte."""
    output.write_bytes(b"")
    return output


def decompressed(archive: Path, output: Path) -> Path:
    """What a browser or 7-Zip makes of `archive`: its members unpacked and put in a tar of today's files."""
    with tarfile.open(archive) as source, tarfile.open(output, "w") as target:
        for info in source.getmembers():
            extracted = source.extractfile(info)
            assert extracted is not None
            data = extracted.read()
            if info.name.endswith(".zst"):
                data, info.name = zstd.decompress(data), info.name.removesuffix(".zst")
            info.size, info.mtime, info.uname = len(data), 1_790_000_000, "vendeur"
            target.addfile(info, io.BytesIO(data))
    return output


def with_release(
    archive: Path,
    output: Path,
    change: Callable[[Metadata[Targets]], bytes],
    roots: list[bytes] | None = None,
) -> Path:
    """`archive` with `change` applied to its release metadata and, if given, other `roots`; the rest as it was."""
    with tarfile.open(archive) as tar:
        members = {info.name: info for info in tar.getmembers()}
        release = tar.extractfile(members[layout.RELEASE])
        assert release is not None
        metadata: Metadata[Targets] = Metadata.from_bytes(release.read())
    data = archive.read_bytes()
    after = members[layout.MANIFEST].offset
    before = data[: members[layout.RELEASE].offset]
    if roots is not None:
        before = b"".join(tar_member(layout.root_name(number), root) for number, root in enumerate(roots, start=1))
    output.write_bytes(before + tar_member(layout.RELEASE, change(metadata)) + data[after:])
    return output


def with_member(
    archive: Path, output: Path, keys: Path, name: str, data: bytes, custom: dict[str, Any] | None = None
) -> Path:
    """`archive` with other contents in member `name`, signed again by the vendor's own keys."""

    def change(targets: Targets) -> None:
        fields = {} if custom is None else {"custom": custom}
        targets.targets[name] = TargetFile(len(data), {"sha256": hashlib.sha256(data).hexdigest()}, name, fields)

    resigned(archive, output, keys, change)
    with tarfile.open(archive) as tar:
        old = tar.getmember(name)
        block = archive.read_bytes()[old.offset : old.offset_data + old.size + layout.padding(old.size)]
    output.write_bytes(output.read_bytes().replace(block, tar_member(name, data)))
    return output


def tree_facts(root: Path) -> dict[bytes, tuple[int, bytes]]:
    """Mode and contents (or target) of each path below `root`, to compare two trees."""
    facts: dict[bytes, tuple[int, bytes]] = {}
    for folder, names, files in os.walk(os.fsencode(root)):
        for name in names + files:
            path = os.path.join(folder, name)  # noqa: PTH118 - names of any bytes
            status = os.lstat(path)
            if os.path.islink(path):  # noqa: PTH114
                content = os.readlink(path)  # noqa: PTH115
            elif name in files:
                with open(path, "rb") as file:  # noqa: PTH123
                    content = file.read()
            else:
                content = b"/"
            facts[os.path.relpath(path, os.fsencode(root))] = (status.st_mode, content)
    return facts
