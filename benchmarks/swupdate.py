"""SWUpdate as a peer: one signed `.swu` of the tree, installed by `swupdate -i` into a folder, staged or streamed."""

import hashlib
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

_BOARD = "mesure:1.0"
_DESCRIPTION = """software = {{
  version = "2.0.0";
  hardware-compatibility = [ "1.0" ];
  files: ( {{ filename = "{name}"; type = "archive"; path = "{target}";
             sha256 = "{sha256}"; installed-directly = {direct}; }} );
}}
"""


_SELF_SIGNED = "req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 3650 -subj /CN=mesure"
_SIGN = (
    "cms -sign -in sw-description -out sw-description.sig -signer cert.pem -inkey key.pem -outform DER -nosmimecap"
    " -binary"
)


def make(tarball: Path, target: Path, folder: Path, *, streamed: bool) -> list[str]:
    """The command that installs the tree of `tarball` into `target`; keys and the `.swu` lie in `folder`."""
    folder.mkdir(exist_ok=True)
    certificate, swu = folder / "cert.pem", folder / "release.swu"
    _openssl(folder, *_SELF_SIGNED.split(), "-addext", "extendedKeyUsage=emailProtection")
    with tarball.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    facts = {"name": tarball.name, "target": target, "sha256": sha256, "direct": "true" if streamed else "false"}
    (folder / "sw-description").write_text(_DESCRIPTION.format(**facts), encoding="ascii")
    _openssl(folder, *_SIGN.split())
    _pack(swu, (folder / "sw-description", folder / "sw-description.sig", tarball))
    return ["swupdate", "-k", str(certificate), "-H", _BOARD, "-l", "1", "-M", "-m", "-i", str(swu)]


def _pack(swu: Path, members: Iterable[Path]) -> None:
    """A cpio of `members`, in their order."""
    with swu.open("wb") as output:
        for member in members:
            output.write(_head(member.name, member.stat().st_size))
            with member.open("rb") as source:
                shutil.copyfileobj(source, output)
            output.write(bytes(-output.tell() % 4))
        output.write(_head("TRAILER!!!", 0))
        output.write(bytes(-output.tell() % 512))


def _head(name: str, size: int) -> bytes:
    """A member's head in cpio's format newc: inode, mode, owner, group, links, time, size, and no device."""
    numbers = [1, 0o100644, 0, 0, 1, 0, size, 0, 0, 0, 0, len(name) + 1, 0]
    head = b"070701" + b"".join(b"%08X" % number for number in numbers) + name.encode("ascii") + b"\0"
    return head + bytes(-len(head) % 4)


def _openssl(folder: Path, *words: str) -> None:
    subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)
