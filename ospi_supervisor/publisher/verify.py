"""Checking a finished archive as a hospital will: everything in it, to the last byte."""

import tempfile
from datetime import datetime
from pathlib import Path

from ospi_supervisor.archive.header import prove
from ospi_supervisor.archive.reader import Archive
from ospi_supervisor.archive.staging import stage
from ospi_supervisor.archive.tree import InstalledTree
from ospi_supervisor.archive.trust import Trust
from ospi_supervisor.domain.manifest import ArchiveKind, ReleaseSummary


def verify(path: Path, root: bytes, now: datetime, base: Path | None = None) -> ReleaseSummary:
    """What the archive in `path` is, once all of it is proven from the root metadata `root`.

    The release is really unpacked, beside the archive, and removed again; that of a delta only with `base`, the full
    archive of the release that it applies to: without, its members are proven and no more. Raises ArchiveError,
    OSError.
    """
    with (
        Archive.open(path, Trust.delivered(root), now) as archive,
        tempfile.TemporaryDirectory(dir=path.parent) as folder,
    ):
        prove(archive.file, archive.header, 0, archive.header.size)
        if archive.manifest.kind is ArchiveKind.FULL:
            _unpack(archive, Path(folder) / "release", None)
        elif base is not None:
            with Archive.open(base, Trust.delivered(root), now) as before:
                installed = _unpack(before, Path(folder) / "base", None)
            _unpack(archive, Path(folder) / "release", installed)
        return archive.header.summary


def _unpack(archive: Archive, destination: Path, installed: InstalledTree | None) -> InstalledTree:
    record = stage(archive, destination, installed, progress=_ignore, check=_nothing, hard_links=False)
    return InstalledTree(destination, record)


def _ignore(percent: float) -> None:
    """Nobody watches."""


def _nothing() -> None:
    """Nobody interrupts."""
