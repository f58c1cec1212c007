"""A sieve for tar streams: the wanted members pass as they are, byte for byte.

GNU tar can extract a list of names too, but compares every member with every name; and neither it nor `tarfile`
can make one archive of two without losing ACLs, attributes or holes. The sieve knows headers only; what a member
means remains tar's business. The form is POSIX.1-2001 (pax) as GNU tar writes it.
"""

import os
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import BinaryIO, NamedTuple

from ospi_supervisor.errors import BackupError

BLOCK = 512
NOTHING = b"\0" * BLOCK
END = 2 * NOTHING
CHUNK = 1 << 20
HARD_LINK = b"1"
KINDS = {b"2": "link", b"3": "device", b"4": "device", b"5": "dir", b"6": "fifo"}


class Member(NamedTuple):
    """What a member's header says. `size` is that of the extracted file; `link` the name that a hard link repeats.

    `end` is where the last piece of a sparse file ends: short of `size` where tar took a reading error for its end.
    """

    name: str
    kind: str
    mode: int
    uid: int
    gid: int
    size: int
    mtime_ns: int
    link: str | None
    end: int


def sift(source: BinaryIO, wanted: Callable[[Member], bool], out: BinaryIO | None, tick: Callable[[int], None]) -> None:
    """Copy to `out` each member of `source` that is `wanted`, but no end mark.

    Without `out`, `wanted` merely sees every member. The stream is read to its end. BackupError where it is cut or
    is not a tar; errors of `out` pass through. `tick` receives the bytes of contents gone past.
    """
    past = 0
    while (head := _exactly(source, BLOCK)) != NOTHING:
        for step in _one(source, head, wanted, out):
            past += step
            tick(past)
    while source.read(CHUNK):
        tick(past)


def join(source: BinaryIO, out: BinaryIO) -> None:
    """Copy to `out` each member of the tars that follow one another in `source`, but no end mark. BackupError where one
    is cut or is not a tar."""
    while head := source.read(BLOCK):
        head += _exactly(source, BLOCK - len(head))
        if head != NOTHING:
            for _ in _one(source, head, lambda _: True, out):
                pass


def _one(source: BinaryIO, head: bytes, wanted: Callable[[Member], bool], out: BinaryIO | None) -> Iterator[int]:
    """Move the member that begins with `head`, or pass by it, telling each step's bytes."""
    records: dict[bytes, bytes] = {}
    last = head
    if head[156:157] == b"x":
        length = _number(head[124:136])
        extended = _exactly(source, _padded(length))
        records = _records(extended[:length])
        last = _exactly(source, BLOCK)
        head += extended + last
    length = int(records.get(b"size") or _number(last[124:136]))
    pieces, end = _sparse_map(source) if b"GNU.sparse.realsize" in records else (b"", None)
    keep = wanted(_member(last, records, end)) and out is not None
    yield from _pass_on(source, _padded(length) - len(pieces), head + pieces, out if keep else None)


def _pass_on(source: BinaryIO, length: int, head: bytes, out: BinaryIO | None) -> Iterator[int]:
    """Move one member from `source` to `out`, or past it, telling each step's bytes."""
    if out:
        out.write(head)
    yield 0
    while length:
        piece = _exactly(source, min(length, CHUNK))
        length -= len(piece)
        if out:
            out.write(piece)
        yield len(piece)


def _sparse_map(source: BinaryIO) -> tuple[bytes, int]:
    """The blocks in front of a sparse file's contents that say where they belong, and where the last piece ends.

    The form is GNU tar's « PAX format, version 1.0 »: lines of a number each, how many pieces and then each one's
    offset and length.
    """
    taken, lines, needed = bytearray(), 0, 1
    while lines < needed:
        block = _exactly(source, BLOCK)
        taken += block
        lines += block.count(b"\n")
        if needed == 1 and lines:
            needed = 1 + 2 * _decimal(bytes(taken).partition(b"\n")[0])
    *_, offset, length = [b"0", *bytes(taken).split(b"\n")[:needed]][-2:]
    return bytes(taken), _decimal(offset) + _decimal(length)


def _decimal(digits: bytes) -> int:
    if not digits.isdigit():
        raise BackupError("archive de sauvegarde illisible : plan d'un fichier creux incorrect")
    return int(digits)


def _exactly(source: BinaryIO, length: int) -> bytes:
    pieces = []
    while length:
        piece = source.read(length)
        if not piece:
            raise BackupError("archive de sauvegarde tronquée")
        pieces.append(piece)
        length -= len(piece)
    return b"".join(pieces)


def _padded(length: int) -> int:
    return -(-length // BLOCK) * BLOCK


def _number(field: bytes) -> int:
    if field[0] & 0x80:  # GNU's form for what octal digits cannot hold
        return int.from_bytes(field[1:], "big")
    try:
        return int(field.strip(b" \0") or b"0", 8)
    except ValueError as error:
        raise BackupError("archive de sauvegarde illisible : ce n'est pas du tar") from error


def _records(data: bytes) -> dict[bytes, bytes]:
    """The records of an extended header: `LENGTH KEY=VALUE` and a newline; values may hold any byte."""
    records: dict[bytes, bytes] = {}
    while data:
        length, _, _ = data.partition(b" ")
        if not length.isdigit() or not 0 < int(length) <= len(data):
            raise BackupError("archive de sauvegarde illisible : en-tête étendu incorrect")
        key, _, value = data[len(length) + 1 : int(length) - 1].partition(b"=")
        records[key] = value
        data = data[int(length) :]
    return records


def _member(header: bytes, records: dict[bytes, bytes], end: int | None) -> Member:
    """The member's facts; of a sparse file, its own and not its stand-in's."""
    size = int(records.get(b"GNU.sparse.realsize") or records.get(b"size") or _number(header[124:136]))
    mtime = Decimal(records[b"mtime"].decode()) if b"mtime" in records else _number(header[136:148])
    kind = header[156:157]
    return Member(
        os.fsdecode(records.get(b"GNU.sparse.name") or records.get(b"path") or _short_name(header)).rstrip("/"),
        KINDS.get(kind, "file"),
        _number(header[100:108]),
        int(records.get(b"uid") or _number(header[108:116])),
        int(records.get(b"gid") or _number(header[116:124])),
        size,
        int(mtime * 10**9),
        os.fsdecode(records.get(b"linkpath") or header[157:257].rstrip(b"\0")) if kind == HARD_LINK else None,
        size if end is None else end,
    )


def _short_name(header: bytes) -> bytes:
    name, prefix = header[:100].rstrip(b"\0"), header[345:500].rstrip(b"\0")
    return prefix + b"/" + name if prefix else name
