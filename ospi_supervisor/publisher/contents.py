"""Reading files out of a full archive, in any order, without unpacking it on disk."""

import hashlib
import os
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field

from ospi_supervisor.archive.entries import Entry
from ospi_supervisor.archive.frames import unpack
from ospi_supervisor.archive.reader import Archive
from ospi_supervisor.archive.refusals import altered

_HELD = 16  # packs kept unpacked: neighbours in the tree are mostly neighbours in the packs


@dataclass
class Contents:
    """The contents of a full archive's files, each pack proven as it is read."""

    archive: Archive
    _recent: OrderedDict[int, bytes] = field(default_factory=OrderedDict)

    def __post_init__(self) -> None:
        self._packs = self.archive.header.packs  # made anew at each call

    def read(self, entry: Entry) -> bytes:
        """The contents of a file of the archive, proven; ArchiveError where a pack is not what was signed."""
        data = b"".join(self.chunks(entry))
        if hashlib.sha256(data).digest() != entry.sha256:
            raise altered(os.fsdecode(entry.path))
        return data

    def chunks(self, entry: Entry) -> Iterator[bytes]:
        """The contents of a file, pack by pack."""
        number, offset, left = entry.pack, entry.offset, entry.size
        while left and number is not None:
            chunk = self.pack(number)[offset : offset + left]
            yield chunk
            number, offset, left = number + 1, 0, left - len(chunk)

    def pack_size(self, number: int) -> int:
        """How many bytes pack `number` holds, which costs no reading."""
        return self._packs[number].unpacked or 0

    def digest(self, number: int) -> str:
        """The sha256 of pack `number` as it lies in the archive."""
        return self._packs[number].sha256

    def pack(self, number: int) -> bytes:
        """What pack `number` holds, proven."""
        if number in self._recent:
            self._recent.move_to_end(number)
            return self._recent[number]
        member = self._packs[number]
        data = os.pread(self.archive.file.fileno(), member.length, member.offset)
        if hashlib.sha256(data).hexdigest() != member.sha256:
            raise altered(member.name)
        self._recent[number] = unpack(member.name, data, member.unpacked or 0)
        if len(self._recent) > _HELD:
            self._recent.popitem(last=False)
        return self._recent[number]
