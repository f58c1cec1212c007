"""Tells the waiting users, through the maintenance page's `status.json`, what a phase is doing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from ospi_supervisor.domain.events import Level
from ospi_supervisor.domain.lifecycle import Phase, phases_from, rule_of
from ospi_supervisor.domain.validation import Decision
from ospi_supervisor.errors import printable
from ospi_supervisor.phases.base import Facts, PhaseWork, Run, UpdateRequest
from ospi_supervisor.platform.maintenance import MaintenanceSwitch
from ospi_supervisor.system.clock import utc_now

SOON = timedelta(minutes=1)

Estimate = Callable[[Phase], datetime | None]
"""When the platform is expected back, seen from the beginning of a phase; None while there is no history."""


@dataclass(frozen=True)
class Announced:
    """A phase's work whose progress users see too, while the maintenance page is up."""

    phase: Phase
    work: PhaseWork
    switch: MaintenanceSwitch
    expected_end: Estimate

    def do(self, run: Run) -> Facts:
        """The work's do."""
        return self.work.do(self._announcing(run, rule_of(self.phase).title, self.expected_end))

    def undo(self, run: Run) -> None:
        """The work's undo."""
        self.work.undo(self._announcing(run, "Retour à l'ancienne version", _unknown))

    def _announcing(self, run: Run, title: str, expected_end: Estimate) -> "_AnnouncingRun":
        announcing = _AnnouncingRun(run, self.phase, title, self.switch, expected_end)
        announcing.announce(0.0, title)
        return announcing


def _unknown(_: Phase) -> None:
    """How long the way back takes, nobody has measured."""


@dataclass
class _AnnouncingRun:
    """A run whose progress is written for the maintenance page too."""

    run: Run
    phase: Phase
    title: str
    switch: MaintenanceSwitch
    estimate: Estimate

    def __post_init__(self) -> None:
        self.expected_end = self.estimate(self.phase)

    @property
    def request(self) -> UpdateRequest:
        return self.run.request

    @property
    def log_path(self) -> Path:
        return self.run.log_path

    @property
    def maintenance_started_at(self) -> datetime | None:
        return self.run.maintenance_started_at

    def facts(self, phase: Phase) -> Facts:
        return self.run.facts(phase)

    def remember(self, **facts: Any) -> None:
        self.run.remember(**facts)

    def journal(self, level: Level, message: str) -> None:
        self.run.journal(level, message)

    def log(self, text: str) -> None:
        self.run.log(text)

    def output(self, lines: Sequence[str], count: int) -> None:
        self.run.output(lines, count)

    def check(self) -> None:
        self.run.check()

    def decision(self, otherwise: Decision | None = None) -> Decision | None:
        return self.run.decision(otherwise)

    def progress(self, percent: float, message: str = "") -> None:
        self.run.progress(percent, message)
        self.announce(percent, message or self.title)

    def announce(self, percent: float, message: str) -> None:
        """Write `status.json`. The page is a courtesy: where the disk is full, the update goes on without it."""
        if self.expected_end is not None and self.expected_end < utc_now():
            self.expected_end = self._later_end()
        try:
            self.switch.write_status(
                phase=self.phase.value,
                percent=percent,
                started_at=self.run.maintenance_started_at,
                expected_end_at=self.expected_end,
                message=printable(message),
            )
        except OSError as error:
            self.run.log(f"status.json: {error}\n")

    def _later_end(self) -> datetime | None:
        """The phase took longer than usual: it ends soon at best, and those after it take what they usually take."""
        (_, following, *_rest) = phases_from(self.phase)
        end = self.estimate(following)
        return None if end is None else max(end, utc_now() + SOON)
