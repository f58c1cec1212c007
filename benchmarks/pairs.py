"""Two ways to do the same, in turn: what each run costs, and one line of the table."""

import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from benchmarks.processes import family_peak

MB = 1e6


@dataclass(frozen=True)
class Cost:
    """Of one run: seconds, seconds of processor, the most memory with its children, bytes given to the disks."""

    seconds: float
    processor: float = 0.0
    memory: int = 0
    written: int = 0


@dataclass(frozen=True)
class Row:
    """One line: ours beside the peer's; `of` is what the goal is about, `reason` why it is missed where it is."""

    number: str
    work: str
    against: str
    goal: float
    ours: Sequence[Cost]
    peer: Sequence[Cost]
    of: Callable[[Cost], float] = field(default=lambda cost: cost.seconds)
    reason: str = ""

    @property
    def ratio(self) -> float:
        """The median of what the pairs give."""
        return median(self.of(ours) / (self.of(peer) or 1) for ours, peer in zip(self.ours, self.peer, strict=True))

    def line(self) -> str:
        """The line, in Markdown."""
        reached = "atteint" if self.ratio <= self.goal else self.reason or "manqué"
        cells = [self.number, self.work, _middle(self.ours), self.against, _middle(self.peer)]
        return f"| {' | '.join(cells)} | {self.ratio:.2f} | ≤ {self.goal:g} | {reached} |"


HEAD = (
    "| n° | travail | Superviseur (s, processeur, mémoire, écrits) | comparé à | ses coûts | rapport | but |"
    " résultat |\n|---|---|---|---|---|---|---|---|"
)


def cost(command: Sequence[str], cwd: Path | None = None, env: Mapping[str, str] | None = None) -> Cost:
    """What `command` and the children that it waits for cost; RuntimeError where it fails."""
    begun = time.monotonic()
    process = subprocess.Popen(
        command, cwd=cwd, env=os.environ | (env or {}), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    with family_peak(process.pid) as family:
        _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{command[0]} ended {process.returncode}")
    seconds = time.monotonic() - begun
    return Cost(seconds, used.ru_utime + used.ru_stime, family.together, used.ru_oublock * 512)


def interleaved(ours: Callable[[], Cost], peer: Callable[[], Cost], pairs: int) -> tuple[list[Cost], list[Cost]]:
    """Both done `pairs` times, now one first and now the other."""
    found: tuple[list[Cost], list[Cost]] = ([], [])
    for number in range(pairs):
        for which in (0, 1) if number % 2 == 0 else (1, 0):
            found[which].append((ours, peer)[which]())
    return found


def _middle(costs: Sequence[Cost]) -> str:
    seconds, processor = (median(getattr(one, name) for one in costs) for name in ("seconds", "processor"))
    memory, written = (median(getattr(one, name) for one in costs) / MB for name in ("memory", "written"))
    return f"{seconds:.2f}, {processor:.2f}, {memory:.0f}, {written:.0f}"
