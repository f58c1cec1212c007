"""The terms of which a situation is made: colour, bar, end, actions."""

from enum import StrEnum


class Tone(StrEnum):
    """The colour of a state, by its meaning; never the only sign of it."""

    BUSY = "busy"
    BACK = "back"
    GOOD = "good"
    WARN = "warn"
    BAD = "bad"
    NEUTRAL = "neutral"


class Bar(StrEnum):
    """How the bar of progress goes."""

    NONE = "none"
    FORWARD = "forward"
    BACK = "back"
    STOPPED = "stopped"


class End(StrEnum):
    """What may be said of the end: nothing, the hour of the end, or that of the return to the former version."""

    NONE = "none"
    EXPECTED = "expected"
    RETURN = "return"


class Action(StrEnum):
    """What the administrator can do now; the first one is the most useful."""

    IMPORT = "import"
    CANCEL = "cancel"
    RESUME = "resume"
    SUPPORT = "support"
    OPEN_PLATFORM = "open_platform"
    REPORT = "report"
    OPEN = "open"
    GO_BACK = "go_back"


class Restoration(StrEnum):
    """Whether somebody restores a backup by hand, from the shell."""

    NONE = "none"
    UNDER_WAY = "under_way"
    STOPPED = "stopped"
