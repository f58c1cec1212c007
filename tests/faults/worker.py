"""The real worker, which stops where it is told and waits for what is done to it: `worker.py CONFIG FOLDER PAUSE…`.

A pause is `POINT:WAY:PHASE:PLACE`, for instance `inside:do:migrate:7`: POINT is `before` (the phase is recorded as
begun), `inside` (just before the PLACE-th of the system calls that Python audits: opens, renames, removals, links,
processes, connections) or `after` (the work is done and not yet recorded). At the pause the file `paused` appears in
FOLDER, and the worker waits there for the file `go` or for its death. `clock` in FOLDER shifts its clock by seconds;
`boot_id` there stands for the machine's.
"""

import json
import sys
import threading
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

from ospi_supervisor.bootstrap import administration
from ospi_supervisor.bootstrap import worker as bootstrap
from ospi_supervisor.config.tables import load_config
from ospi_supervisor.domain.lifecycle import Phase
from ospi_supervisor.phases.base import Facts, PhaseWork, Registry, Run
from ospi_supervisor.phases.registry import make_registry
from ospi_supervisor.platform import machine

PATIENCE_SECONDS = 60.0
STEP = 0.01
AUDITED = frozenset(
    {
        *("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.symlink", "os.link", "os.truncate"),
        *("os.chmod", "os.chown", "os.utime", "os.setxattr", "os.removexattr", "os.listdir", "os.scandir"),
        *("shutil.rmtree", "tempfile.mkstemp", "sqlite3.connect", "socket.connect"),
        *("subprocess.Popen", "os.posix_spawn", "os.kill", "os.killpg"),
    }
)


@dataclass
class Points:
    """Where this worker pauses, each once, and how many audited calls each phase made."""

    folder: Path
    pauses: dict[tuple[str, str, str], int]
    counts: dict[str, int] = field(default_factory=dict)
    _at: tuple[str, str] | None = None
    _thread: int = 0
    _calls: int = 0

    def enter(self, way: str, phase: Phase) -> None:
        """The phase's work begins."""
        self.reach("before", way, phase)
        self._at, self._thread, self._calls = (way, phase.value), threading.get_ident(), 0

    def leave(self, way: str, phase: Phase) -> None:
        """It has ended."""
        self._at = None
        self.counts[f"{way}:{phase.value}"] = self._calls
        (self.folder / "counts.json").write_text(json.dumps(self.counts))
        self.reach("inside", way, phase)  # where it made fewer calls than usual
        self.reach("after", way, phase)

    def reach(self, point: str, way: str, phase: str) -> None:
        """Pause where that is wanted."""
        if self.pauses.pop((point, way, str(phase)), None) is None:
            return
        at, self._at = self._at, None
        (self.folder / "paused").touch()
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not (self.folder / "go").exists() and time.monotonic() < deadline:
            time.sleep(STEP)
        for name in ("paused", "go"):
            (self.folder / name).unlink(missing_ok=True)
        self._at = at

    def audit(self, event: str, _arguments: Any) -> None:
        """Python's audit hook."""
        if self._at is None or event not in AUDITED or threading.get_ident() != self._thread:
            return
        self._calls += 1
        way, phase = self._at
        if self.pauses.get(("inside", way, phase), -1) == self._calls:
            self.reach("inside", way, phase)


@dataclass(frozen=True)
class Watched:
    """A phase's work between two points."""

    phase: Phase
    work: PhaseWork
    points: Points

    def do(self, run: Run) -> Facts:
        """The work's do."""
        self.points.enter("do", self.phase)
        facts = self.work.do(run)
        self.points.leave("do", self.phase)
        return facts

    def undo(self, run: Run) -> None:
        """The work's undo."""
        self.points.enter("undo", self.phase)
        self.work.undo(run)
        self.points.leave("undo", self.phase)


def main(config: str, folder: str, *pauses: str) -> None:
    wanted = {}
    for pause in pauses:
        point, way, phase, place = pause.split(":")
        wanted[point, way, phase] = int(place)
    points = Points(Path(folder), wanted)

    def watched_registry(*arguments: Any, **options: Any) -> Registry:
        registry = make_registry(*arguments, **options)
        works = {phase: Watched(phase, work, points) for phase, work in registry.works.items()}
        return replace(registry, works=works)

    def clock() -> datetime:
        shift = points.folder / "clock"
        return datetime.now(UTC) + timedelta(seconds=float(shift.read_text()) if shift.exists() else 0)

    sys.addaudithook(points.audit)
    with (
        mock.patch.multiple(bootstrap, make_registry=watched_registry, utc_now=clock),
        mock.patch.object(administration, "utc_now", clock),
        mock.patch.object(machine, "BOOT_ID", points.folder / "boot_id"),
    ):
        bootstrap.run_worker(load_config(Path(config)))


if __name__ == "__main__":
    main(*sys.argv[1:])
