"""A rehearsal from the shell, interrupted: what it had put in place is taken away first."""

from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ospi_supervisor.administration.rehearsing import PLAYED, Rehearsing
from ospi_supervisor.config.paths import StatePaths
from ospi_supervisor.domain.lifecycle import Phase
from ospi_supervisor.phases.base import Facts, Run
from ospi_supervisor.system import interruption
from ospi_supervisor.system.clock import utc_now


@dataclass
class Impatient:
    """A phase, and what was tried, of somebody who presses Ctrl-C in the middle, and again while it is undone."""

    phase: Phase | None = None
    undone: list[Phase | str] = field(default_factory=list)

    def do(self, run: Run) -> Facts:
        if self.phase is Phase.REHEARSE:
            interruption._come(2, None)
        return {}

    def undo(self, run: Run) -> None:
        interruption._come(2, None)
        assert self.phase is not None
        self.undone.append(self.phase)

    def note(self, version: str) -> None:
        """What is staged is taken away by `remove`."""

    def remove(self) -> None:
        if self.undone:
            interruption._come(2, None)
            self.undone.append("what was tried")


def test_a_second_interruption_does_not_keep_the_twin(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    paths, undone = StatePaths(tmp_path), list[Phase | str]()
    paths.logs_dir.mkdir(parents=True)
    works: dict[Phase, Any] = {phase: Impatient(phase, undone) for phase in PLAYED}
    tried: Any = Impatient(undone=undone)
    rehearsing = Rehearsing(works, nullcontext, tried, paths, lambda: "11.5.0", utc_now)
    with pytest.raises(KeyboardInterrupt):
        rehearsing.run(tmp_path / "archive.ospi", "alice", lambda _: None)
    assert undone == [Phase.REHEARSE, "what was tried"]
    assert capfd.readouterr().err.count("ôte d'abord") == 1
