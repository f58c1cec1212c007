"""The notice of an archive, kept for those who read it afterwards."""

from pathlib import Path

from ospi_supervisor.archive.header import read_member
from ospi_supervisor.archive.layout import NOTICE
from ospi_supervisor.archive.reader import Archive
from ospi_supervisor.system.files import write_atomically


def keep_notice(archive: Archive, folder: Path) -> str:
    """Write the archive's notice, proven, into `folder` under its hash, which is returned; OSError, ArchiveError."""
    notice = archive.header.member(NOTICE)
    path = folder / f"{notice.sha256}.pdf"
    if not path.exists():
        folder.mkdir(mode=0o750, exist_ok=True)
        write_atomically(path, read_member(archive.file, archive.header, NOTICE), mode=0o640)
    return notice.sha256
