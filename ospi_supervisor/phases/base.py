"""What a phase is, and what the engine gives it.

A phase is an object with a `do` and an `undo`. It acts on the system through the adapters that it was
built with, and tells the engine what it does through the `Run` that it is given. It never sees the store.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from ospi_supervisor.domain.events import Level
from ospi_supervisor.domain.lifecycle import Phase
from ospi_supervisor.domain.validation import Decision, Verdict

Facts = Mapping[str, Any]
"""What a phase records: JSON values only, small (a phase's bulk data lies in files that its facts name)."""


@dataclass(frozen=True, kw_only=True)
class UpdateRequest:
    """The update as it was asked for. `archive` is not trusted: it is proven whenever it is read."""

    id: int
    archive: Path
    source: str
    requested_by: str
    from_version: str
    started_at: datetime
    validates: bool = False


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

    def log(self, text: str) -> None:
        """Whole lines that a hook printed, for the update's log file."""

    def output(self, lines: Sequence[str], count: int) -> None:
        """The newest of `count` lines that a hook printed since the last call, for the pages; throttled."""

    def check(self) -> None:
        """To be called often in long work: raises CancelledError or WorkerStoppingError where the phase should stop
        (before `maintenance` only; it never raises in the others nor in an undo), and shows that the phase lives."""

    def decision(self, otherwise: Decision | None = None) -> Decision | None:
        """What is decided of the validation, None while nothing is; with `otherwise` that is, for good, unless
        something was decided before. WorkerStoppingError where the worker is to stop."""


class PhaseWork(Protocol):
    """One phase's do and undo."""

    def do(self, run: Run) -> Facts:
        """Do the phase's work; the facts returned are recorded with « done » in one transaction.

        Called again from its beginning after a crash (before `maintenance`, and from `reopen` on): it must cope with
        what an earlier attempt left.
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
    show_page: Callable[[], None] = lambda: None
    """Has the maintenance page shown: called where an update ends in an intervention, whatever went before."""
    after_crash: Verdict = Verdict.GO_BACK
    """What is decided of a validation that a crash interrupted."""
    skipped: frozenset[Phase] = frozenset()
    """The phases that such an update does not have."""

    def __post_init__(self) -> None:
        missing = set(Phase) - set(self.works) - self.skipped
        if missing:
            raise ValueError(f"no work for {sorted(missing)}")
