"""The one file: the installer's text, then what it unpacks. The same payload gives the same bytes."""

import gzip
import hashlib
import io
import tarfile
from pathlib import Path

INSTALLER = Path(__file__).resolve().with_name("installer")


def write_run(payload: Path, version: str, output: Path) -> None:
    """Write the file that installs `payload` (the folders `release` and `etc`) as `version` to `output`."""
    packed = pack(payload)
    text = INSTALLER.read_text(encoding="utf-8")
    values = {"VERSION": version, "SHA256": hashlib.sha256(packed).hexdigest(), "LINES": str(text.count("\n"))}
    for name, value in values.items():
        text = text.replace(f"@{name}@", value)
    output.write_bytes(text.encode() + packed)
    output.chmod(0o755)


def pack(payload: Path) -> bytes:
    """The folder as tar.gz, whoever made it and whenever."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for path in sorted(payload.rglob("*")):
            tar.add(path, path.relative_to(payload).as_posix(), recursive=False, filter=_nobodys)
    return gzip.compress(plain.getvalue(), compresslevel=6, mtime=0)


def _nobodys(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = member.mtime = 0
    member.uname = member.gname = "root"
    member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
    return member
