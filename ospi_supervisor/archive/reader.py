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
from ospi_supervisor.archive.refusals import incomplete, wrong_base
from ospi_supervisor.archive.tree import TreeRecord, listing
from ospi_supervisor.archive.trust import Trust
from ospi_supervisor.domain.manifest import ArchiveKind, Manifest
from ospi_supervisor.system.files import open_regular


class Archive:
    """A whole archive whose header is proven. A context manager: it holds the file open, the very file it proved."""

    def __init__(self, file: BinaryIO, header: Header) -> None:
        self.file, self.header = file, header

    @classmethod
    def open(cls, path: Path, trust: Trust, now: datetime) -> "Archive":
        """The archive in `path`; ArchiveError where its header or its length proves nothing, OSError where unread."""
        return cls.read(open_regular(path), trust, now)

    @classmethod
    def read(cls, file: BinaryIO, trust: Trust, now: datetime) -> "Archive":
        """The archive in `file`, which it takes over; errors as for `open`."""
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
        found = b"" if installed is None else listing(installed.items.values())
        check_base_listing(self.manifest, None if installed is None else hashlib.sha256(found).hexdigest())
        return found

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.file.close()


def check_base_listing(manifest: Manifest, installed: str | None) -> None:
    """ArchiveError(wrong_base) where a delta was made for another tree than the installed one, of whose listing this is
    the sha256, in hexadecimal; None where it was never recorded. The manifest alone tells: no other byte is needed."""
    if manifest.kind is ArchiveKind.FULL:
        return
    if installed is None:
        raise wrong_base(f"elle demande la version {manifest.base}, dont rien n'a été relevé ici")
    if installed != manifest.base_listing:
        raise wrong_base(f"la version installée n'est pas exactement la version {manifest.base} diffusée")
