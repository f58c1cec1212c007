"""What a long file of the new release has in common with one of the old, at a cost that follows what changed.

Packs that both archives hold to the byte are recognised by their digests and not read; in the others, blocks are
compared at the place where the old file had them. Where something was inserted or removed, the place is found again by
looking for the end of the pack nearby.
"""

from collections.abc import Generator, Iterator
from dataclasses import dataclass

from ospi_supervisor.archive.entries import Entry
from ospi_supervisor.publisher.contents import Contents

_BLOCK = 4096
_PROBE = 64  # bytes looked for where the place was lost
_NEARBY = 4 * 1024**2


@dataclass(frozen=True)
class _Stretch:
    """The part of a file that lies in one pack, whole."""

    start: int
    number: int
    digest: str


class Comparison:
    """One long file of the old release, beside which files of the new one are laid."""

    def __init__(self, old: Contents, base: Entry) -> None:
        self._old, self._size = old, base.size
        self._stretches = list(_stretches(old, base))
        self._place = {stretch.digest: stretch.start for stretch in reversed(self._stretches)}
        self._digest = {stretch.start: stretch.digest for stretch in self._stretches}
        self._step = old.pack_size(self._stretches[0].number)

    def pieces(self, new: Contents, entry: Entry) -> Iterator[bytes | range]:
        """The contents of `entry` in order: where they lie in the old file, or themselves."""
        shift = 0
        for stretch in _stretches(new, entry):
            if self._digest.get(stretch.start + shift) != stretch.digest:
                if stretch.digest not in self._place:
                    shift = yield from self._compared(stretch.start, new.pack(stretch.number), shift)
                    continue
                shift = self._place[stretch.digest] - stretch.start
            start = stretch.start + shift
            yield range(start, start + new.pack_size(stretch.number))

    def _compared(self, at: int, data: bytes, shift: int) -> Generator[bytes | range, None, int]:
        """The pieces of one pack, block by block; how far off the old file lies after it."""
        places = {shift: self._read(at + shift, len(data))}
        if places[shift][-_PROBE:] != data[-_PROBE:] and (found := self._found(at, data, shift)) is not None:
            shift = found
            places[shift] = self._read(at + shift, len(data))
        for start in range(0, len(data), _BLOCK):
            block = data[start : start + _BLOCK]
            there = [
                at + start + off
                for off, old in places.items()
                if at + start + off >= 0 and old[start : start + _BLOCK] == block
            ]
            yield range(there[0], there[0] + len(block)) if there else block
        return shift

    def _found(self, at: int, data: bytes, shift: int) -> int | None:
        """How far off the old file has the end of `data`; None where it has it nowhere nearby."""
        end = at + len(data)
        first = max(0, end + shift - _NEARBY)
        position = self._read(first, 2 * _NEARBY).find(data[-_PROBE:])
        return None if position < 0 else first + position + min(_PROBE, len(data)) - end

    def _read(self, start: int, length: int) -> bytes:
        """That part of the old file, as far as there is one; zeros for what would lie before it."""
        if start < 0:
            return bytes(min(-start, length)) + self._read(0, max(0, start + length))
        last = min(start + length, self._size)
        touched = self._stretches[start // self._step : -(-last // self._step)]
        data = b"".join(self._old.pack(stretch.number) for stretch in touched)
        return data[start % self._step :][: max(0, last - start)]


def _stretches(contents: Contents, entry: Entry) -> Iterator[_Stretch]:
    number, start = entry.pack or 0, 0
    while start < entry.size:
        yield _Stretch(start, number, contents.digest(number))
        start += contents.pack_size(number)
        number += 1
