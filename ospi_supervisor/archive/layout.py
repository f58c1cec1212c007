"""Where things lie in an archive: member names, their order, their bounds, and the exact tar blocks around them.

An archive is a ustar file, but a reader needs no tar parser: the header block of a member is a function of its
name and length, so a reader computes the block that must stand there and compares.
"""

import re

BLOCK = 512
END = bytes(2 * BLOCK)
"""What ends a tar, and this one exactly: no further padding."""

RELEASE = "metadata/release.json"
MANIFEST = "manifest.json"
NOTICE = "notice.pdf"
SBOM = "sbom.cdx.json"
"""The bill of materials (CycloneDX), where the publisher gave one."""

INDEX = "index.json.zst"

PACK_BYTES = 1024**2
"""What the publisher puts in a pack before compression, in bytes; `docs/adr/0001-archive.md` says why."""

# Bounds on what a reader holds in memory, in bytes; none limits a real release.
MAX_METADATA = 4 * 1024**2
MAX_ROOT = 64 * 1024
MAX_ROOTS = 64
MAX_MANIFEST = 1024**2
MAX_NOTICE = 32 * 1024**2
MAX_SBOM = 32 * 1024**2
MAX_INDEX = 32 * 1024**2
MAX_INDEX_UNPACKED = 96 * 1024**2
MAX_PACK = 16 * 1024**2
MAX_PATCHED = 64 * 1024**2
"""The longest file that is patched, before and after: both are held in memory."""

_HEADER = re.compile(rb"([a-z0-9./]{1,99})\0")


def root_name(version: int) -> str:
    """The member that holds version `version` of the root metadata."""
    return f"metadata/{version}.root.json"


def pack_name(number: int) -> str:
    """The member that holds pack `number`, counted from 0."""
    return f"packs/{number:04d}.zst"


def padding(length: int) -> int:
    """How many zero bytes follow `length` bytes of data, up to the next block."""
    return -length % BLOCK


def header_block(name: str, length: int) -> bytes:
    """The 512 bytes that stand before a member: ustar, regular file, mode 0644, owner 0, time 0, no names."""
    block = bytearray(BLOCK)
    block[0 : len(name)] = name.encode("ascii")
    block[100:107] = b"0000644"
    block[108:115] = block[116:123] = b"0000000"
    block[124:135] = b"%011o" % length
    block[136:147] = b"00000000000"
    block[148:156] = b" " * 8
    block[156:157] = b"0"
    block[257:265] = b"ustar\x0000"
    block[148:155] = b"%06o\0" % sum(block)
    return bytes(block)


def parse_block(block: bytes) -> tuple[str, int] | None:
    """Name and length of the member that `block` announces; None unless it is exactly what `header_block` makes."""
    match = _HEADER.match(block)
    if match is None or not re.fullmatch(rb"[0-7]{11}", block[124:135]):
        return None
    name, length = match[1].decode("ascii"), int(block[124:135], 8)
    return (name, length) if header_block(name, length) == block else None


def is_tar_block(block: bytes) -> bool:
    """Whether `block` is some tar program's header: right magic and right sum."""
    if len(block) < BLOCK or block[257:262] != b"ustar":
        return False
    announced = block[148:156].strip(b" \0")
    total = sum(block) - sum(block[148:156]) + 8 * ord(" ")
    return bool(re.fullmatch(rb"[0-7]{1,7}", announced)) and int(announced, 8) == total
