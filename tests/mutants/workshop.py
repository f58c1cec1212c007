"""A copy of the checkout in which mutants are tried, so that nobody's own files are ever changed."""

import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from click import ClickException
from coverage import CoverageData

from tests.mutants.operators import Mutant
from tests.mutants.rooms import Room

ROOT = Path(__file__).parents[2]
NOT_SOURCES = (".*", "build", "dist", "*.egg-info", "__pycache__", "node_modules", "test-results")
PYTEST = (sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider")
MOST_NAMED = 200
"""Beyond so many tests the room's are run whole: an argument list is bounded."""
AT_LEAST_SECONDS = 120.0


class BrokenRoomError(ClickException):
    """The room's tests fail without any mutant: nothing can be told of it."""


@dataclass
class Workshop:
    """A copy of the checkout, and what a room's tests touch of it."""

    folder: Path
    room: Room
    seconds: float = 0.0
    lines: dict[str, dict[int, list[str]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        shutil.copytree(ROOT, self.folder, symlinks=True, ignore=shutil.ignore_patterns(*NOT_SOURCES))

    def survey(self) -> None:
        """Run the room's tests once and note which test reaches which line. Raises BrokenRoomError."""
        report = ("--cov=ospi_supervisor", "--cov-context=test", "--cov-report=")
        began = time.monotonic()
        done = self._run((*report, *self.room.tests), None)
        self.seconds = time.monotonic() - began
        if done.returncode:
            raise BrokenRoomError(done.stdout[-3000:])
        data = CoverageData(str(self.folder / ".coverage"))
        data.read()
        for file in data.measured_files():
            self.lines[os.path.relpath(file, self.folder)] = data.contexts_by_lineno(file)

    def is_killed(self, module: Path, mutant: Mutant) -> bool:
        """Whether a test of the room fails, or none ends in time, with the mutant in `module` (of our checkout)."""
        target = self.folder / module.relative_to(ROOT)
        source = target.read_bytes()
        target.write_bytes(mutant.applied(source))
        try:
            limit = AT_LEAST_SECONDS + 3 * self.seconds
            return self._run(self._tests_of(module, mutant), limit).returncode != 0
        except subprocess.TimeoutExpired:
            return True
        finally:
            target.write_bytes(source)

    def _tests_of(self, module: Path, mutant: Mutant) -> tuple[str, ...]:
        """The tests that reach the mutant's lines; the whole room's where an import does, or none but a child."""
        known = self.lines.get(str(module.relative_to(ROOT)), {})
        reached = {
            context.partition("|")[0] for line in range(mutant.line, mutant.last + 1) for context in known.get(line, ())
        }
        named = sorted(reached - {""})
        return tuple(named) if 0 < len(named) <= MOST_NAMED and "" not in reached else self.room.tests

    def _run(self, arguments: tuple[str, ...], seconds: float | None) -> subprocess.CompletedProcess[str]:
        env = {**os.environ, "PYTHONPATH": str(self.folder), "PYTHONDONTWRITEBYTECODE": "1"}
        return subprocess.run(
            [*PYTEST, *arguments],
            cwd=self.folder,
            env=env,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
