"""What a phase is, and what the engine gives it.

A phase is an object with a `do` and an `undo`. It acts on the system through the adapters that it was
built with, and tells the engine what it does through the `Run` that it is given. It never sees the store.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from ospi_supervisor.domain.lifecycle import Phase

Facts = Mapping[str, Any]
"""What a phase records: JSON values only, small (a phase's bulk data lies in files that its facts name)."""


class Level(StrEnum):
    """How much a line of the journal matters."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, kw_only=True)
class UpdateRequest:
    """The update as it was asked for. `archive` is not trusted: it is proven whenever it is read."""

    id: int
    archive: Path
    source: str
    requested_by: str
    from_version: str
    started_at: datetime


class Run(Protocol):
    """One update under way, as a phase sees it."""

    @property
    def request(self) -> UpdateRequest:
        """What was asked for."""

    @property
    def log_path(self) -> Path:
        """The file that receives every line that hooks print."""

    @property
    def maintenance_started_at(self) -> datetime | None:
        """When the users lost the platform in this update, if they did."""

    def facts(self, phase: Phase) -> Facts:
        """What `phase` recorded (by `remember` or by the value of its `do`); empty before."""

    def remember(self, **facts: Any) -> None:
        """Record facts of the phase at work, durably, before this returns: what undo needs, before anything changes.

        The keys given are merged into those recorded. Raises when the state cannot be written: then nothing
        may be changed. In an undo it never raises.
        """

    def progress(self, percent: float, message: str = "") -> None:
        """Move the phase's bar (0 to 100). Cheap: calls are throttled before they reach the database."""

    def journal(self, level: Level, message: str) -> None:
        """One line of the update's journal, in French, a sentence."""

    def output(self, line: str) -> None:
        """One line that a hook printed: to the log file whole, to the pages a throttled tail."""

    def check(self) -> None:
        """To be called often in long work: raises CancelledError or WorkerStoppingError where the phase should
        stop (phases 1 to 4 only; it never raises in the others nor in an undo), and shows that the phase lives."""


class PhaseWork(Protocol):
    """One phase's do and undo."""

    def do(self, run: Run) -> Facts:
        """Do the phase's work; the facts returned are recorded with « done » in one transaction.

        Called again from its beginning after a crash (phases 1 to 4 and 12, 13): it must cope with what an
        earlier attempt left.
        """

    def undo(self, run: Run) -> None:
        """Take back whatever `do` did, from any point of it, none included, any number of times."""


@dataclass(frozen=True)
class Registry:
    """All phases' work by name: the one place where the engine finds them."""

    works: Mapping[Phase, PhaseWork]
    before_recovery: Callable[[bool], None] = field(default=lambda stopped: None)
    """Called first after a crash, with whether the services must be stopped at that point (engine rule 4)."""
    around: Callable[[], AbstractContextManager[None]] = nullcontext
    """What is held while an update runs (engine rule 7)."""
    shutting_down: Callable[[], bool] = lambda: False
    """Whether the machine is being stopped: what fails then failed because of that."""

    def __post_init__(self) -> None:
        missing = set(Phase) - set(self.works)
        if missing:
            raise ValueError(f"no work for {sorted(missing)}")
