"""Tells the waiting users, through the maintenance page's `status.json`, what a phase is doing."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ospi_supervisor.domain.lifecycle import Phase, rule_of
from ospi_supervisor.phases.base import Facts, Level, PhaseWork, Run, UpdateRequest
from ospi_supervisor.platform.switch import MaintenanceSwitch

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
        return self.work.do(self._announcing(run, rule_of(self.phase).title))

    def undo(self, run: Run) -> None:
        """The work's undo."""
        self.work.undo(self._announcing(run, "Retour à la version précédente"))

    def _announcing(self, run: Run, title: str) -> "_AnnouncingRun":
        announcing = _AnnouncingRun(run, self.phase, title, self.switch, self.expected_end(self.phase))
        announcing.announce(0.0, title)
        return announcing


@dataclass(frozen=True)
class _AnnouncingRun:
    """A run whose progress is written for the maintenance page too."""

    run: Run
    phase: Phase
    title: str
    switch: MaintenanceSwitch
    expected_end: datetime | None

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

    def output(self, line: str) -> None:
        self.run.output(line)

    def check(self) -> None:
        self.run.check()

    def progress(self, percent: float, message: str = "") -> None:
        self.run.progress(percent, message)
        self.announce(percent, message or self.title)

    def announce(self, percent: float, message: str) -> None:
        """Write `status.json`. The page is a courtesy: where the disk is full, the update goes on without it."""
        try:
            self.switch.write_status(
                phase=self.phase.value,
                percent=percent,
                started_at=self.run.maintenance_started_at,
                expected_end_at=self.expected_end,
                message=message,
            )
        except OSError as error:
            self.run.output(f"status.json: {error}")
