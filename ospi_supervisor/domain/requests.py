"""What may be asked of the worker: each kind of request with what it says, defined once for who asks and who judges.

A request travels as its kind and a JSON object of its fields (`store.request_codec`). Reading one builds the class
below: ValueError or OverflowError where its fields say what nobody can mean. To add a request, add its class here, to
`Asked`; `Operations` asks for it, and `worker.router` says who does it.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import ClassVar, get_args

LAST_NUMBER = 2**63 - 1
"""The greatest number that a database can hold."""

CODE_MAX_LENGTH = 1000
VERSION_MAX_LENGTH = 100
MESSAGE_MAX_LENGTH = 500
ANNOUNCE_MINUTES_MAX = 7 * 24 * 60


class Source(StrEnum):
    """By which way an update was asked for."""

    IMPORT = "import"
    """The pages."""
    SHELL = "shell"
    AUTOMATIC = "automatic"
    """The worker itself, at night or when it was asked to look."""


@dataclass(frozen=True)
class Asker:
    """Who asks, by which way and from which address: what is recorded of it."""

    name: str
    source: Source
    address: str = ""


def _check_instants(*instants: datetime | None) -> None:
    for instant in filter(None, instants):
        if instant.tzinfo is None:
            raise ValueError("an instant without its zone")
        instant.astimezone(UTC)  # OverflowError: at the edges of time a database cannot take it


@dataclass(frozen=True, kw_only=True)
class Terms:
    """How an import is wanted: at once, all of it at `start_at`, or prepared at once and switched at `switch_at`; with
    `validate`, looked at behind the closed door before it is opened."""

    start_at: datetime | None = None
    switch_at: datetime | None = None
    validate: bool = False

    @property
    def hour(self) -> datetime | None:
        """The hour that was chosen, whatever is to happen then."""
        return self.switch_at or self.start_at


AT_ONCE = Terms()


@dataclass(frozen=True, kw_only=True)
class Import:
    """Install a complete upload, now or at `start_at`; or prepare it now, and take the platform from its users at
    `switch_at`. With `validate`, look at it behind the closed door before it is opened. `version` is what its header
    said, for other requests' sake; `own`, that it is an archive of this very program."""

    kind: ClassVar[str] = "import"
    upload_id: str
    notice_sha256: str | None = None
    notice_read_at: datetime | None = None
    start_at: datetime | None = None
    switch_at: datetime | None = None
    version: str | None = None
    validate: bool = False
    own: bool = False

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[0-9a-f]{1,64}", self.upload_id):
            raise ValueError("upload_id: hexadecimal digits expected")
        if self.version is not None and len(self.version) > VERSION_MAX_LENGTH:
            raise ValueError("version: too long")
        if self.start_at is not None and self.switch_at is not None:
            raise ValueError("start_at, switch_at: one of the two")
        _check_instants(self.notice_read_at, self.start_at, self.switch_at)


@dataclass(frozen=True, kw_only=True)
class _OfUpdate:
    """What is asked of one update."""

    update_id: int

    def __post_init__(self) -> None:
        if not 1 <= self.update_id <= LAST_NUMBER:
            raise ValueError("update_id: not the number of an update")


@dataclass(frozen=True, kw_only=True)
class Cancel(_OfUpdate):
    """End an update and take back what it prepared."""

    kind: ClassVar[str] = "cancel"


@dataclass(frozen=True, kw_only=True)
class Resume(_OfUpdate):
    """Take up an update that stopped for an intervention."""

    kind: ClassVar[str] = "resume"


@dataclass(frozen=True, kw_only=True)
class Open(_OfUpdate):
    """Open a release that waits behind the closed door."""

    kind: ClassVar[str] = "open"


@dataclass(frozen=True, kw_only=True)
class GoBack(_OfUpdate):
    """Bring the old release back in place of one that waits behind the closed door."""

    kind: ClassVar[str] = "go_back"


@dataclass(frozen=True, kw_only=True)
class Reschedule(_OfUpdate):
    """Another hour for an update that waits for one, or that is being prepared; None: at once."""

    kind: ClassVar[str] = "reschedule"
    switch_at: datetime | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_instants(self.switch_at)


@dataclass(frozen=True, kw_only=True)
class Announce(_OfUpdate):
    """Tell users of an update so many minutes before its hour, 0 for never, with these words besides."""

    kind: ClassVar[str] = "announce"
    minutes: int
    message: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.minutes <= ANNOUNCE_MINUTES_MAX or len(self.message) > MESSAGE_MAX_LENGTH:
            raise ValueError("minutes, message: too much")


@dataclass(frozen=True, kw_only=True)
class Unlock:
    """Release a version that failed, with the support's code."""

    kind: ClassVar[str] = "unlock"
    code: str

    def __post_init__(self) -> None:
        if len(self.code) > CODE_MAX_LENGTH:
            raise ValueError("code: too long")


@dataclass(frozen=True, kw_only=True)
class ChangeSetting:
    """Put a setting in force."""

    kind: ClassVar[str] = "setting"
    name: str
    value: str


@dataclass(frozen=True, kw_only=True)
class CheckRepository:
    """Look at the vendor's repository, and test the way to it."""

    kind: ClassVar[str] = "auto_check"


@dataclass(frozen=True, kw_only=True)
class RunAutomaticUpdate:
    """Make the automatic update now, whatever the hour."""

    kind: ClassVar[str] = "auto_run"


@dataclass(frozen=True, kw_only=True)
class MakeBackup:
    """Take a full backup now."""

    kind: ClassVar[str] = "backup"


@dataclass(frozen=True, kw_only=True)
class DrillBackup:
    """Prove a backup by loading it beside the platform; the newest where none is named."""

    kind: ClassVar[str] = "drill"
    snapshot: str | None = None

    def __post_init__(self) -> None:
        if self.snapshot is not None and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", self.snapshot):
            raise ValueError("snapshot: not the name of a backup")


@dataclass(frozen=True, kw_only=True)
class SendTestMail:
    """Send a message to those who are told of an update's end, to see that it arrives."""

    kind: ClassVar[str] = "test_mail"


Asked = (
    Import
    | Cancel
    | Resume
    | Open
    | GoBack
    | Reschedule
    | Announce
    | Unlock
    | ChangeSetting
    | CheckRepository
    | RunAutomaticUpdate
    | MakeBackup
    | DrillBackup
    | SendTestMail
)
ASKED: tuple[type[Asked], ...] = get_args(Asked)
"""All of them."""
