"""Whether a delta archive can be applied to what is installed, told before anything is written."""

from ospi_supervisor.archive.entries import Entry, EntryKind, display
from ospi_supervisor.archive.reader import Archive
from ospi_supervisor.archive.refusals import wrong_base
from ospi_supervisor.archive.tree import InstalledTree, TreeRecord, intact
from ospi_supervisor.domain.manifest import ArchiveKind


def check_base(archive: Archive, installed: InstalledTree | None) -> None:
    """ArchiveError(wrong_base) unless `installed` is what the delta `archive` was made for, every file it builds on
    unaltered. A full archive needs none. A look at each inode; contents are read only where one changed.

    Raises OSError.
    """
    if archive.manifest.kind is ArchiveKind.FULL:
        return
    record = TreeRecord() if installed is None else installed.record
    present = record.by_contents()
    for entry in archive.entries(None if installed is None else record):
        needed = source_digest(entry)
        if needed is None:
            continue
        item = present.get(needed)
        if item is None or installed is None or not intact(installed, item):
            raise missing(entry)


def source_digest(entry: Entry) -> bytes | None:
    """The digest of the installed file that `entry` is kept from or patched from; None where it needs none."""
    if entry.base is not None:
        return entry.base
    return entry.sha256 if entry.kind is EntryKind.FILE and entry.size and entry.pack is None else None


def missing(entry: Entry) -> Exception:
    """The refusal for want of what `entry` builds on."""
    return wrong_base(f"ce dont {display(entry.path)} est tiré manque à la version installée ou y a été modifié")
