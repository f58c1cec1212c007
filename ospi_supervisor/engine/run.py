"""One update under way, as its phases see it: throttled towards the database, whole towards the log file."""

import time
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from ospi_supervisor.domain.events import Level
from ospi_supervisor.domain.lifecycle import Phase, rule_of
from ospi_supervisor.domain.validation import Decision
from ospi_supervisor.engine.record import Record
from ospi_supervisor.errors import CancelledError, WorkerStoppingError, printable
from ospi_supervisor.phases.base import Facts, UpdateRequest

INTERVAL_SECONDS = 0.5
"""Progress, output and the question whether to stop reach the database no more often than this."""

TAIL_LINES = 20
LINE_LENGTH = 500


class UpdateRun:
    """The `Run` of `phases.base`. The engine sets `phase` and `undoing`; one thread uses it at a time."""

    def __init__(self, record: Record, request: UpdateRequest, log_path: Path, stopping: Callable[[], bool]) -> None:
        self.phase = Phase.VERIFY
        self.undoing = False
        self._record = record
        self._request = request
        self._log_path = log_path
        self._stopping = stopping
        self._progress: tuple[float, str] | None = None
        self._tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._lines = 0
        self._lost_lines = 0
        self._flushed_at = 0.0
        log_path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        self._log = log_path.open("a", encoding="utf-8", errors="surrogateescape")

    @property
    def request(self) -> UpdateRequest:
        """What was asked for."""
        return self._request

    @property
    def log_path(self) -> Path:
        """The file of all that hooks print."""
        return self._log_path

    @property
    def maintenance_started_at(self) -> datetime | None:
        """When `maintenance` was entered."""
        return self._record.started_at[Phase.MAINTENANCE]

    def facts(self, phase: Phase) -> Facts:
        """What `phase` recorded."""
        return self._record.facts[phase]

    def remember(self, **facts: Any) -> None:
        """Record facts of the phase at work; StateError where they cannot be, in a do."""
        self._record.remember(self.phase, facts)

    def progress(self, percent: float, message: str = "") -> None:
        """Move the bar."""
        self._progress = (percent, message)
        self._flush_if_due()

    def journal(self, level: Level, message: str) -> None:
        """One line of the journal."""
        self._record.journal(self.phase, level, message)

    def log(self, text: str) -> None:
        """Whole lines of a hook, to the log file."""
        try:
            self._log.write(text)
        except OSError:
            self._lost_lines += 1

    def output(self, lines: Sequence[str], count: int) -> None:
        """The newest of `count` lines of a hook."""
        self._lines += count
        self._tail.extend(printable(line[:LINE_LENGTH]) for line in lines)
        self._flush_if_due()

    def check(self) -> None:
        """See `phases.base.Run.check`."""
        if self._flush_if_due() and not self.undoing and rule_of(self.phase).cancellable:
            self.turn_back_if_asked()

    def turn_back_if_asked(self) -> None:
        """CancelledError or WorkerStoppingError where somebody asked the update, or the worker, to stop."""
        if self._stopping():
            raise WorkerStoppingError("le service de mise à jour s'arrête ; la mise à jour reprendra avec lui")
        if self._record.cancel_requested():
            raise CancelledError("la mise à jour a été annulée à la demande d'un administrateur")

    def decision(self, otherwise: Decision | None = None) -> Decision | None:
        """See `phases.base.Run.decision`."""
        if self._stopping():
            raise WorkerStoppingError("le service de mise à jour s'arrête ; la validation reprendra avec lui")
        return self._record.decision(otherwise)

    def flush(self) -> None:
        """Bring what was throttled to the database and to the log file."""
        self._flushed_at = time.monotonic()
        if self._progress is not None:
            self._record.progress(self.phase, *self._progress)
            self._progress = None
        if self._tail:
            self._record.output(self.phase, list(self._tail), self._lines - len(self._tail))
            self._tail.clear()
            self._lines = 0
        try:
            self._log.flush()
        except OSError:
            self._lost_lines += 1

    def close(self) -> None:
        """Flush, and say in the journal where the log file could not take everything; done once."""
        if self._log.closed:
            return
        self.flush()
        try:
            self._log.close()
        except OSError:
            self._lost_lines += 1
        if self._lost_lines:
            self.journal(Level.WARNING, f"Le fichier journal {self._log_path} est incomplet : le disque était plein.")

    def _flush_if_due(self) -> bool:
        if time.monotonic() - self._flushed_at < INTERVAL_SECONDS:
            return False
        self.flush()
        return True
