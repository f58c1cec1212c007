"""Packs: contents cut, compressed on every core, and written in order; the same contents give the same bytes."""

import hashlib
import os
from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import BinaryIO, Self

from backports import zstd

from ospi_supervisor.archive.layout import PACK_BYTES, header_block, pack_name, padding

LEVEL = 9
"""zstd's level: above it, releases shrink by few percent and build times by none."""

Place = tuple[int, int]
"""The number of a pack, and an offset in its contents."""


@dataclass
class Written:
    """One member already in the output: its data's length and sha256, and the length of its contents."""

    name: str
    length: int
    sha256: str
    unpacked: int


@dataclass
class PackWriter:
    """Appends packs, tar headers included, to `output`. Holds at most a few packs in memory.

    A context manager, for its threads. `pack_bytes` is what goes in a pack before compression, `level` zstd's.
    """

    output: BinaryIO
    level: int = LEVEL
    pack_bytes: int = PACK_BYTES
    written: list[Written] = field(default_factory=list)
    _pending: deque[tuple[int, Future[bytes]]] = field(default_factory=deque)
    _pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(os.cpu_count()))
    _submitted: int = 0
    _buffer: bytearray = field(default_factory=bytearray)

    def add(self, data: bytes) -> Place:
        """Put `data` in a pack, whole, beside what was added before; where it lies."""
        if self._buffer and len(self._buffer) + len(data) > self.pack_bytes:
            self._flush()
        place = (self._submitted, len(self._buffer))
        self._buffer += data
        return place

    def add_long(self, chunks: Iterable[bytes]) -> Place:
        """Put `chunks`, of `pack_bytes` each but the last, in packs of their own; where the first lies."""
        self._flush()
        place = (self._submitted, 0)
        for chunk in chunks:
            self._submit(chunk)
        return place

    def finish(self) -> list[Written]:
        """Write what is still held back; all that was written."""
        self._flush()
        while self._pending:
            self._write_next()
        return self.written

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def _flush(self) -> None:
        if self._buffer:
            self._submit(bytes(self._buffer))
            self._buffer = bytearray()

    def _submit(self, data: bytes) -> None:
        self._pending.append((len(data), self._pool.submit(zstd.compress, data, self.level)))
        self._submitted += 1
        if len(self._pending) > 2 * (os.cpu_count() or 1):
            self._write_next()

    def _write_next(self) -> None:
        unpacked, future = self._pending.popleft()
        data = future.result()
        name = pack_name(len(self.written))
        self.output.write(header_block(name, len(data)) + data + bytes(padding(len(data))))
        self.written.append(Written(name, len(data), hashlib.sha256(data).hexdigest(), unpacked))
