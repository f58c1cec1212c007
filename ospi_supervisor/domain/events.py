"""What the worker tells of an update while it runs: each event's kind, defined once for who writes and who reads.

An event is kept with the JSON document of its kind (`docs/api.md`): `at` and `phase` always, and beside them `status`
of a phase or of the end, `percent` and `message` of its progress, or `level` and `message` of a line of the journal.
"""

from enum import StrEnum
from typing import TypedDict

ANNOUNCE_FILE, ANNOUNCE_SCRIPT = "annonce.json", "annonce.js"
"""Beside the maintenance page: what users are told before an interruption, and what shows it on the platform."""
STATUS_FILE = "status.json"
"""Beside the maintenance page: what it shows of an update."""
RESTORING, RESTORE_STOPPED = "restore", "restore_stopped"
"""What that file calls a backup that is restored by hand, and one whose restoration stopped: no phases of an update."""


class EventKind(StrEnum):
    """The stable names of the kinds."""

    PHASE = "phase"
    """A phase has another status."""
    PROGRESS = "progress"
    """How far the phase at work is."""
    LOG = "log"
    """A line of the journal, or the end of what a hook printed."""
    HOUR = "hour"
    """What becomes of the hour of an update that waits for one; a line of the journal too."""
    END = "end"
    """The update has ended."""


class Level(StrEnum):
    """How much a line of the journal matters; what hooks print is none of ours."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    OUTPUT = "output"


class EventData(TypedDict, total=False):
    """What an event's document says. `skipped` counts the lines of a hook that stand in the log file alone."""

    at: str
    phase: str
    status: str
    percent: float
    level: str
    message: str
    skipped: int
