"""What restores set aside, noted where the backups lie: whoever looks for a file later finds where it went."""

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from ospi_supervisor import __version__
from ospi_supervisor.backup.restore import RestoreReport
from ospi_supervisor.system.files import write_atomically
from ospi_supervisor.system.formats import Stamp, refuse_newer

NAME = "mis-de-cote.json"
FORMAT = 1


class Quarantine(msgspec.Struct, frozen=True, kw_only=True):
    """The files that the restore of one snapshot set aside, all below `folders`."""

    at: datetime
    snapshot: str
    folders: tuple[str, ...]
    files: int


class _Note(Stamp, frozen=True, kw_only=True):
    quarantines: tuple[Quarantine, ...]


def note(directory: Path, snapshot_id: str, report: RestoreReport) -> None:
    """Add what a restore set aside, where it set anything aside. Raises OSError, NewerFormatError."""
    if not report.moved:
        return
    new = Quarantine(
        at=datetime.now(UTC),
        snapshot=snapshot_id,
        folders=tuple(str(folder) for folder in report.quarantines),
        files=len(report.moved),
    )
    known = [*noted(directory), new]
    document = _Note(format=FORMAT, written_by=__version__, quarantines=tuple(known))
    write_atomically(directory / NAME, msgspec.json.encode(document), 0o600)


def noted(directory: Path) -> Sequence[Quarantine]:
    """Those that are still there, the oldest first. Raises OSError, NewerFormatError."""
    try:
        data = (directory / NAME).read_bytes()
        refuse_newer(msgspec.json.decode(data, type=Stamp), FORMAT, NAME)
        found = msgspec.json.decode(data, type=_Note).quarantines
    except (FileNotFoundError, msgspec.DecodeError):  # nothing was noted, or nobody can tell what
        return ()
    return [one for one in found if any(os.path.lexists(folder) for folder in one.folders)]
