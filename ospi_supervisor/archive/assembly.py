"""A long file made of stretches of an installed one and of what is new, as a delta's packs describe it.

Records follow each other: three numbers of eight bytes (how many new bytes follow, where in the installed file a
stretch begins, how long it is), the new bytes. The file is for each record its new bytes, then its stretch.
"""

import os
import struct
from collections.abc import Iterable, Iterator

from ospi_supervisor.archive.refusals import altered

_HEAD = struct.Struct(">QQQ")
_STEP = 1024**2
"""Bytes read at a time, and what is new in one record at most about, when written."""


def encode_records(pieces: Iterable[bytes | range]) -> Iterator[bytes]:
    """The records of a file made of `pieces`: new bytes, or where they lie in the installed file."""
    fresh, stretch = bytearray(), range(0)
    for piece in pieces:
        if isinstance(piece, range) and (not stretch or stretch.stop == piece.start):
            stretch = range(stretch.start if stretch else piece.start, piece.stop)
            continue
        if stretch or len(fresh) >= _STEP:
            yield _record(fresh, stretch)
            fresh, stretch = bytearray(), range(0)
        if isinstance(piece, range):
            stretch = piece
        else:
            fresh += piece
    yield _record(fresh, stretch)


def assembled(name: str, records: Iterable[bytes], base: int, size: int) -> Iterator[bytes]:
    """The contents that `records`, cut anywhere, make of the open file `base`, a mebibyte or so at a time.

    ArchiveError where they would be more than `size` bytes, or are no records. Raises OSError.
    """
    left = size
    for chunk in _made(name, _Cut(records), base):
        left -= len(chunk)
        if left < 0:
            raise altered(name, "longueur inattendue")
        yield chunk


def _made(name: str, records: "_Cut", base: int) -> Iterator[bytes]:
    while head := records.take(_HEAD.size):
        if len(head) < _HEAD.size:
            raise altered(name, "assemblage illisible")
        fresh, start, length = _HEAD.unpack(head)
        while fresh:
            chunk = records.take(min(fresh, _STEP))
            fresh -= len(chunk)
            if not chunk:
                raise altered(name, "assemblage incomplet")
            yield chunk
        while length:
            chunk = os.pread(base, min(length, _STEP), start) if start < 2**63 else b""
            start, length = start + len(chunk), length - len(chunk)
            if not chunk:
                raise altered(name, "l'assemblage dépasse le fichier installé")
            yield chunk


class _Cut:
    """Bytes that come in chunks, taken in other lengths."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks, self._held = iter(chunks), memoryview(b"")

    def take(self, count: int) -> bytes:
        """The next `count` bytes, fewer only at the end."""
        parts = []
        while count:
            if not self._held:
                self._held = memoryview(next(self._chunks, b""))
                if not self._held:
                    break
            parts.append(self._held[:count])
            self._held = self._held[count:]
            count -= len(parts[-1])
        return b"".join(parts)


def _record(fresh: bytearray, stretch: range) -> bytes:
    return _HEAD.pack(len(fresh), stretch.start, len(stretch)) + fresh
