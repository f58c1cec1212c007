"""What the worker writes to `engine.db`, and reads back of it, as plain values."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ospi_supervisor.domain.lifecycle import Phase, PhaseStatus, UpdateStatus


@dataclass(frozen=True, kw_only=True)
class NewUpdate:
    """An update as it is admitted. With a `start_at` to come it is scheduled, else queued.

    `to_version` is what it announces itself to be, until `verify` has proven what it is.
    """

    product: str
    from_version: str
    source: str
    requested_by: str
    archive: Path
    notice_sha256: str | None
    notice_read_at: datetime | None
    start_at: datetime | None
    to_version: str | None = None

    def waits(self, now: datetime) -> bool:
        """Whether its hour is to come."""
        return self.start_at is not None and self.start_at > now


@dataclass(frozen=True, kw_only=True)
class StoredPhase:
    """Where one phase of an update stands, as recorded."""

    status: PhaseStatus
    started_at: datetime | None
    facts: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class StoredUpdate:
    """One update as recorded. A `failed_phase` without a `failure` was cancelled there."""

    id: int
    status: UpdateStatus
    product: str
    from_version: str
    to_version: str | None
    source: str
    requested_by: str
    archive: Path
    start_at: datetime | None
    started_at: datetime | None
    failed_phase: Phase | None
    failure: str | None
    cancel_requested: bool
    attempts: int
    phases: Mapping[Phase, StoredPhase]


@dataclass(frozen=True, kw_only=True)
class StoredLock:
    """A version that failed in that update; `released` by the support, or because the update succeeded at last."""

    id: int
    product: str
    version: str
    update_id: int
    nonce: str
    released: bool
