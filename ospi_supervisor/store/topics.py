"""What the worker publishes and keeps in `engine.db`, a document for each name: its name and its type, defined once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Generic, TypeVar

import msgspec

from ospi_supervisor.domain.drill import Certificate
from ospi_supervisor.domain.plan import DataWeight

Document = TypeVar("Document")


@dataclass(frozen=True)
class Topic(Generic[Document]):
    """A document that is replaced as a whole: the name under which it stands, and what it is."""

    name: str
    kind: type[Document]

    def encode(self, document: Document) -> Any:
        """As the database keeps it."""
        return msgspec.to_builtins(document, str_keys=True, order="deterministic")

    def decode(self, stored: Any) -> Document:
        """The document that was encoded."""
        return msgspec.convert(stored, self.kind, strict=False)


class BackupRow(msgspec.Struct, frozen=True, kw_only=True):
    """A usable snapshot; sizes in bytes, `data_bytes` before compression."""

    id: str
    taken_at: datetime
    release: str
    base: str | None
    size: int
    data_bytes: int


class QuarantineRow(msgspec.Struct, frozen=True, kw_only=True):
    """Files that the restore of a snapshot set aside, below `folders`."""

    at: datetime
    snapshot: str
    folders: Sequence[str]
    files: int


class BackupsDocument(msgspec.Struct, frozen=True, kw_only=True):
    """The snapshots that there are, the newest first, folders that are none, and the room on their disk, in bytes;
    and what restores set aside."""

    snapshots: Sequence[BackupRow]
    unusable: Sequence[str]
    at_work: bool
    free: int
    total: int
    quarantines: Sequence[QuarantineRow] = ()


class DrillsDocument(msgspec.Struct, frozen=True, kw_only=True):
    """The certificates of drilled backups, the newest first; the night of the last try, and the backup that is being
    drilled."""

    certificates: Sequence[Certificate] = ()
    last_night: date | None = None
    at_work: str | None = None


class HandoutRow(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the full snapshot that `[backup] after_snapshot` was handed: `failure`, None where the command
    took it, and the end of what it `said`."""

    snapshot: str
    taken_at: datetime
    ended_at: datetime
    failure: str | None
    said: str = ""


class HandoutsDocument(msgspec.Struct, frozen=True, kw_only=True):
    """The snapshots that were handed out, the newest first, and the one that is being."""

    rows: Sequence[HandoutRow] = ()
    at_work: str | None = None


class ListingDocument(msgspec.Struct, frozen=True, kw_only=True):
    """The installed version, with the sha256 of its tree's listing, None where it was never recorded: what a delta
    must have been made for."""

    version: str
    sha256: str | None


class WorkerDocument(msgspec.Struct, frozen=True, kw_only=True):
    """The worker that started last: its program's version, and its process."""

    version: str
    pid: int


class AftercareDocument(msgspec.Struct, frozen=True, kw_only=True):
    """Since when the platform does not answer any more, after that update to `version` had succeeded, and why; no
    `trouble`: since when it does again."""

    update: int
    version: str
    trouble: str | None
    since: datetime


AFTERCARE = Topic("aftercare", AftercareDocument)
WORKER = Topic("worker", WorkerDocument)
BACKUPS = Topic("backup", BackupsDocument)
DRILLS = Topic("drills", DrillsDocument)
HANDOUTS = Topic("handouts", HandoutsDocument)
DATA_WEIGHT = Topic("data_weight", DataWeight)
"""The web account need not be able to read the data."""
INSTALLED_LISTING = Topic("installed_listing", ListingDocument)
