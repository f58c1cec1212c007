"""An archive on disk, opened for installing."""

import hashlib
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from ospi_supervisor.archive import layout
from ospi_supervisor.archive.entries import MAX_LINE, Entry, checked, decode_entry
from ospi_supervisor.archive.frames import unpack_lines
from ospi_supervisor.archive.header import Header, read_header, read_member
from ospi_supervisor.archive.recognise import incomplete, wrong_base
from ospi_supervisor.archive.tree import TreeRecord, listing
from ospi_supervisor.archive.trust import Trust
from ospi_supervisor.domain.manifest import ArchiveKind, Manifest
from ospi_supervisor.files import open_regular


class Archive:
    """A whole archive whose header is proven. A context manager: it holds the file open, the very file it proved."""

    def __init__(self, file: BinaryIO, header: Header) -> None:
        self.file, self.header = file, header

    @classmethod
    def open(cls, path: Path, trust: Trust, now: datetime) -> "Archive":
        """The archive in `path`; ArchiveError where its header or its length proves nothing, OSError where unread."""
        file = open_regular(path)
        try:
            size = os.fstat(file.fileno()).st_size
            header = read_header(file, size, size, trust, now)
            if header is None:
                raise incomplete(size)
            return cls(file, header)
        except BaseException:
            file.close()
            raise

    @property
    def manifest(self) -> Manifest:
        """What the archive says of itself, under signature."""
        return self.header.manifest

    def entries(self, installed: TreeRecord | None = None) -> Iterator[Entry]:
        """Every path of the release, streamed and proven harmless (`entries.checked`); ArchiveError otherwise.

        The index of a delta can be read only beside `installed`, the record of the very release that it applies to.
        """
        data = read_member(self.file, self.header, layout.INDEX)
        unpacked = self.header.member(layout.INDEX).unpacked or 0
        lines = unpack_lines(layout.INDEX, data, unpacked, MAX_LINE, self._base_listing(installed))
        return checked(map(decode_entry, lines), self.manifest)

    def _base_listing(self, installed: TreeRecord | None) -> bytes:
        if self.manifest.kind is ArchiveKind.FULL:
            return b""
        if installed is None:
            raise wrong_base(f"elle demande la version {self.manifest.base}, dont rien n'a été relevé ici")
        found = listing(installed.items.values())
        if hashlib.sha256(found).hexdigest() != self.manifest.base_listing:
            raise wrong_base(f"la version installée n'est pas exactement la version {self.manifest.base} diffusée")
        return found

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.file.close()
