"""The log of a process that runs for ever: for systemd's journal, with levels, or for whoever reads its output."""

import logging
import os
import sys
from typing import TextIO

from ospi_supervisor.errors import printable

_LEVELS = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
"""syslog's, by the least of ours (sd-daemon(3))."""

QUIET = ("huey", "urllib3")
"""Libraries that tell each minute that they live: only what is wrong counts."""


class PlainFormatter(logging.Formatter):
    """Lines in which no name drives the terminal that shows them, with their instant and level."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """The record's text, printable."""
        return printable(super().format(record))


class JournalFormatter(logging.Formatter):
    """Lines for the journal, which knows the instant: each begins with its level, a traceback's too."""

    def format(self, record: logging.LogRecord) -> str:
        """The record's text, printable, `<N>` before each line."""
        level = next((number for least, number in _LEVELS if record.levelno >= least), 7)
        return "\n".join(f"<{level}>{line}" for line in printable(super().format(record)).splitlines())


class Repeated:
    """What is tried again each minute: its failure is told when it comes, when it changes, and when it is over."""

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._failing: dict[str, str] = {}

    def failed(self, what: str, error: Exception) -> None:
        """`what` failed; with its trace, unless the same was told."""
        words = f"{type(error).__name__}: {error}"
        if self._failing.get(what) != words:
            self._failing[what] = words
            self._logger.error("%s failed; each minute tries again, and says no more of it", what, exc_info=error)

    def worked(self, what: str) -> None:
        """`what` works, again or still."""
        if self._failing.pop(what, None) is not None:
            self._logger.info("%s works again", what)


def log_to(stream: TextIO) -> None:
    """Have this process' log written to `stream`: to standard output, in a process of ours."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JournalFormatter() if is_journal(stream) else PlainFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def log_to_stdout() -> None:
    """Have this process' log written where systemd's journal collects it."""
    log_to(sys.stdout)


def is_journal(stream: TextIO) -> bool:
    """Whether what is written there goes to systemd's journal (`JOURNAL_STREAM`, systemd.exec(5))."""
    try:
        facts = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{facts.st_dev}:{facts.st_ino}"
