"""The memory that slices of uploads are received in.

The system fills one piece of it for each slice, which the next slice uses again: fresh memory is cleared page by
page before it is had, and what is received packet by packet is copied once more.
"""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import RawIOBase
from mmap import MAP_ANONYMOUS, MAP_PRIVATE, mmap
from typing import Any

from waitress.channel import HTTPChannel
from waitress.receiver import FixedStreamReceiver

from ospi_supervisor.domain.limits import SLICE_MAX_BYTES

KEPT = 1
"""How many pieces of memory wait for a next slice; uploads at the same time are rare."""


class Slice(RawIOBase):
    """A request's body: first it arrives, then it is read. What is announced takes no memory, what arrives does.

    `free` is the memory that waits to be used again.
    """

    def __init__(self, free: list[mmap]) -> None:
        super().__init__()
        self._free = free
        self._memory: mmap | None = free.pop() if free else mmap(-1, SLICE_MAX_BYTES, MAP_PRIVATE | MAP_ANONYMOUS)
        self._arrived = 0
        self._read = 0

    def __len__(self) -> int:
        return self._arrived

    def append(self, data: bytes) -> None:
        """Add what waitress received; nothing where the connection is gone, and this closed."""
        if self._memory is not None:
            self._memory[self._arrived : self._arrived + len(data)] = data
            self._arrived += len(data)

    def receive_from(self, connection: socket.socket, size: int) -> int:
        """Receive at most `size` bytes; how many came, 0 at the connection's end. OSError; ValueError where closed."""
        with memoryview(self._open()) as whole, whole[self._arrived : self._arrived + size] as rest:
            count = connection.recv_into(rest)
        self._arrived += count
        return count

    @contextmanager
    def view(self) -> Iterator[memoryview]:
        """All that arrived, while the block runs; then this slice is closed, and its memory the next one's.

        No part of the view may be kept beyond the block. Raises ValueError where it is closed.
        """
        memory = self._open()
        with memoryview(memory) as whole, whole[: self._arrived] as arrived:
            yield arrived
        # Not after an exception: its traceback may hold a view, and the memory goes with that.
        self.close()
        if len(self._free) < KEPT:
            self._free.append(memory)

    def readable(self) -> bool:
        """It is, as a stream."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read on, as a raw stream does. ValueError where it is closed: the memory may be another slice's."""
        part = self._open()[self._read : min(self._arrived, self._read + len(buffer))]
        buffer[: len(part)] = part
        self._read += len(part)
        return len(part)

    def getfile(self) -> "Slice":
        """The body as a stream, for waitress."""
        return self

    def close(self) -> None:
        """Let the memory go at once: an error's traceback may keep the slice itself for long."""
        super().close()
        self._memory = None

    def _open(self) -> mmap:
        if self._memory is None:
            raise ValueError("this slice is closed")
        return self._memory


class SliceReceiver(FixedStreamReceiver):
    """Receives a slice of `length` bytes, nearly all of them straight into its memory."""

    def __init__(self, length: int, free: list[mmap]) -> None:
        self._slice = Slice(free)
        super().__init__(length, self._slice)  # type: ignore[arg-type]  # all that waitress asks of its own buffers

    def receive_from(self, connection: socket.socket) -> int:
        """Receive what is there, the last byte excepted: by that one waitress sees that it has them all.

        How many bytes came; 0 where waitress is to receive. Raises OSError, ValueError once it was given up.
        """
        count = self._slice.receive_from(connection, self.remain - 1) if self.remain > 1 else 0
        self.remain -= count
        return count

    def give_up(self) -> None:
        """Let the memory go: the rest will not come."""
        self._slice.close()


class SliceChannel(HTTPChannel):
    """waitress' channel; what arrives for a `SliceReceiver` goes there without a copy."""

    def handle_read(self) -> None:
        if self._receive_slice():
            self.last_activity = time.time()
        else:
            super().handle_read()

    def handle_close(self) -> None:
        """Besides what waitress does: its threads may remember the channel, and with it half a slice, for long."""
        super().handle_close()
        receiver = getattr(self.request, "body_rcv", None)
        if isinstance(receiver, SliceReceiver):
            receiver.give_up()

    def _receive_slice(self) -> bool:
        """Receive what is there of a slice; False where waitress is to receive, or to meet what failed here."""
        connection, receiver = self.socket, getattr(self.request, "body_rcv", None)
        if connection is None or not isinstance(receiver, SliceReceiver):
            return False
        try:
            return receiver.receive_from(connection) > 0
        except (OSError, ValueError):
            return False
