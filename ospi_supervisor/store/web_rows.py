"""The plain values that `store.web_store` gives out."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ospi_supervisor.store.web_models import ADMINISTRATION_SYSTEM


@dataclass(frozen=True, kw_only=True)
class AccountRow:
    """Somebody who may sign in, without the password's hash."""

    username: str
    groups: tuple[str, ...]
    created_at: datetime
    last_sign_in_at: datetime | None

    @property
    def is_administrator(self) -> bool:
        """Whether this account has the role that the supervisor asks for (the seed)."""
        return ADMINISTRATION_SYSTEM in self.groups


@dataclass(frozen=True, kw_only=True)
class SessionRow:
    """One session and whose it is. `created_at` is when the password was last given."""

    account: AccountRow
    created_at: datetime
    seen_at: datetime


@dataclass(frozen=True, kw_only=True)
class UploadRow:
    """An archive on its way in, or in; the fields are those of the model `Upload`."""

    id: str
    filename: str
    size: int
    offset: int = 0
    proven: int = 0
    verdict: str = "pending"
    code: str | None = None
    reasons: list[str] = field(default_factory=list)
    release: dict[str, Any] | None = None
    prerequisites: list[dict[str, Any]] = field(default_factory=list)
    notice_sha256: str | None = None
    notice_read_at: datetime | None = None
    notice_read_by: str | None = None
    import_requested: dict[str, Any] | None = None
    created_by: str
    created_at: datetime
    expires_at: datetime

    @property
    def complete(self) -> bool:
        """Whether every byte is in, and proven."""
        return self.verdict == "accepted" and self.offset == self.size == self.proven

    @property
    def request(self) -> int | None:
        """The number of the request made of the worker to install it."""
        return (self.import_requested or {}).get("request")


@dataclass(frozen=True, kw_only=True)
class RequestRow:
    """Something asked of the worker."""

    id: int
    kind: str
    payload: dict[str, Any]
    source: str
    requested_by: str
    requested_at: datetime


@dataclass(frozen=True, kw_only=True)
class AuditRow:
    """Who did what, when, from where; `allowed` is false for what was refused. Later lines have greater numbers."""

    id: int
    at: datetime
    actor: str
    address: str
    action: str
    detail: str
    allowed: bool
