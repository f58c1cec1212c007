"""The plain values that `store.web_store` gives out."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ospi_supervisor.domain.manifest import ReleaseSummary
from ospi_supervisor.domain.prerequisites import Judgement
from ospi_supervisor.domain.requests import Source, Terms
from ospi_supervisor.domain.roles import ADMINISTRATION_SYSTEM


@dataclass(frozen=True, kw_only=True)
class AccountRow:
    """Somebody who may sign in, without the password's hash; who `must_renew` it cannot until it is replaced."""

    username: str
    groups: tuple[str, ...]
    created_at: datetime
    last_sign_in_at: datetime | None
    must_renew: bool = False

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
class ImportWish:
    """« Importer », as `by` pressed it for an upload, and what became of it: the number of the request made of the
    worker, or the error why there is none. While somebody asks the worker, `claimed_at` is when they began."""

    by: str
    source: Source = Source.IMPORT
    start_at: datetime | None = None
    switch_at: datetime | None = None
    validate: bool = False
    request: int | None = None
    error: str | None = None
    claimed_at: datetime | None = None

    @classmethod
    def on(cls, terms: Terms, *, by: str, source: Source = Source.IMPORT) -> "ImportWish":
        """As somebody wants it on these terms."""
        return cls(by=by, source=source, start_at=terms.start_at, switch_at=terms.switch_at, validate=terms.validate)

    @property
    def terms(self) -> Terms:
        """How it is wanted."""
        return Terms(start_at=self.start_at, switch_at=self.switch_at, validate=self.validate)


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
    reasons: tuple[str, ...] = ()
    release: ReleaseSummary | None = None
    prerequisites: tuple[Judgement, ...] = ()
    notice_sha256: str | None = None
    notice_read_at: datetime | None = None
    notice_read_by: str | None = None
    import_requested: ImportWish | None = None
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
        return None if self.import_requested is None else self.import_requested.request


@dataclass(frozen=True, kw_only=True)
class RequestRow:
    """Something asked of the worker; its `payload` is JSON as it stands there, which `request_codec` reads."""

    id: int
    kind: str
    payload: Any
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
