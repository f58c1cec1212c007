"""What is told of the automatic update, of the platform's state and of the settings: documents of `docs/api.md`, typed.

The worker records the check, the run and the activity as they are here; the rest is put together when it is asked for.
"""

from typing import NotRequired, TypedDict

from ospi_supervisor.store.engine_documents import Lock


class LinkDocument(TypedDict):
    """One link of the way to the vendor; `seconds` is None where it was not tested."""

    name: str
    label: str
    seconds: float | None
    detail: str
    error: str
    remedy: str
    later: bool


class AvailableDocument(TypedDict):
    """The archive that suits this server best."""

    version: str
    kind: str
    base: str | None
    size: int
    severity: str | None
    fixes: list[str]
    support_until: str | None


class BlockedDocument(TypedDict):
    """A release that is not taken, why and what to do."""

    version: str
    obstacle: str
    reason: str
    cure: str
    waits: bool


class OutlookDocument(TypedDict):
    """Which releases lead on, and why the newest is not taken."""

    path: list[str]
    blocked: BlockedDocument | None


class OwnDocument(TypedDict):
    """What the repository holds of this very program, as `CheckDocument` has it of the platform."""

    available: AvailableDocument | None
    outlook: OutlookDocument | None


class CheckDocument(TypedDict):
    """What a check found; an earlier program recorded no `outlook`, and nothing of its `own`."""

    at: str
    repository: str
    links: list[LinkDocument]
    error: str
    fresh_until: str | None
    available: AvailableDocument | None
    outlook: NotRequired[OutlookDocument | None]
    own: NotRequired[OwnDocument | None]


class RunDocument(TypedDict):
    """How a run ended; `night` is None from the shell."""

    at: str
    night: str | None
    message: str
    update: int | None
    ok: bool


class ActivityDocument(TypedDict):
    """What the worker is at: the step `check`, or `fetch` of a version, in percent."""

    step: str
    since: NotRequired[str]
    version: NotRequired[str]
    percent: NotRequired[float]


class JudgementDocument(TypedDict):
    """One rule's verdict."""

    rule: str
    label: str
    measured: str
    required: str
    verdict: str
    remedy: str


class SettingDocument(TypedDict):
    """A setting, what its value does, and who changed it last."""

    name: str
    value: str
    effect: str
    changed_by: str | None
    changed_at: str | None


class PutOffDocument(TypedDict):
    """A release that is not installed by itself, until a day or for good."""

    version: str
    reason: str
    by: str
    until: str | None


class SystemDocument(TypedDict):
    """The operating system, as os-release names it."""

    id: str
    version: str
    name: str


class AutomaticDocument(TypedDict):
    """The document of `api/automatic`; `own` is the supervisor's archive that is taken before the platform's."""

    setting: SettingDocument
    security: SettingDocument
    channel: SettingDocument
    put_off: list[PutOffDocument]
    system: SystemDocument
    repository: str | None
    eligible: bool
    server: list[JudgementDocument]
    run: list[JudgementDocument]
    next_run: str | None
    own: AvailableDocument | None
    last_check: CheckDocument | None
    last_run: RunDocument | None
    activity: ActivityDocument | None


class RestorationDocument(TypedDict):
    """A backup that is being restored by hand: the step at work and how far it is, or `stopped`."""

    step: str
    percent: float
    stopped: bool


WaitDocument = TypedDict("WaitDocument", {"for": str, "until": str | None})
"""What an update waits for, `hour` or `validation`, and until when, ISO 8601; None where the hour was missed."""


class StatusDocument(TypedDict):
    """The document of `api/status`."""

    product: str
    version: str | None
    worker: str
    maintenance: bool
    restoration: RestorationDocument | None
    update: int | None
    waiting: WaitDocument | None
    lock: Lock | None
