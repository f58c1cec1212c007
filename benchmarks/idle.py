"""`python -m benchmarks idle`: what an installed supervisor costs while nothing happens.

The real web process and the real worker, with all that they started, over minutes without a request: memory, processor,
how often they are woken, and what they write.
"""

import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.processes import bytes_written
from benchmarks.site import Site
from ospi_supervisor.domain.words import number

SETTLE_SECONDS, IDLE_SECONDS = 15.0, 600.0
GOAL_MEMORY_MB, GOAL_PERCENT = 130, 0.5
MB = 1e6


@dataclass(frozen=True)
class Idle:
    """Bytes, percent of a core, and context switches a second that the processes asked for themselves."""

    web_memory: int
    worker_memory: int
    web_percent: float
    worker_percent: float
    wakes: float
    written: float
    seconds: float

    @property
    def memory(self) -> int:
        """Of both, with what the worker started."""
        return self.web_memory + self.worker_memory

    @property
    def percent(self) -> float:
        """Of both, with what the worker started."""
        return self.web_percent + self.worker_percent


def measure(site: Site, seconds: float = IDLE_SECONDS) -> Idle:
    """Leave the server alone for so long, and look at what its processes took."""
    time.sleep(SETTLE_SECONDS)
    web, worker = family(site.web), family(site.worker)
    busy, woken, written = (_processor(web), _processor(worker)), _woken(web + worker), _written(web + worker)
    time.sleep(seconds)
    spent = _processor(web) - busy[0], _processor(worker) - busy[1]
    return Idle(
        web_memory=_memory(web),
        worker_memory=_memory(worker),
        web_percent=100 * spent[0] / seconds,
        worker_percent=100 * spent[1] / seconds,
        wakes=(_woken(web + worker) - woken) / seconds,
        written=(_written(web + worker) - written) / seconds,
        seconds=seconds,
    )


def family(pid: int) -> list[psutil.Process]:
    """A process and all that it started."""
    parent = psutil.Process(pid)
    return [parent, *parent.children(recursive=True)]


def _memory(processes: list[psutil.Process]) -> int:
    """What they have resident, pages that several of them share counted once (PSS)."""
    return sum(int(process.memory_full_info().pss) for process in processes)


def _processor(processes: list[psutil.Process]) -> float:
    """Seconds, of children that have ended since as well."""
    return sum(sum(process.cpu_times()[:4]) for process in processes)


def _woken(processes: list[psutil.Process]) -> int:
    total = 0
    for process in processes:
        for thread in Path(f"/proc/{process.pid}/task").iterdir():
            lines = (thread / "status").read_text(encoding="ascii", errors="replace").splitlines()
            total += next(int(line.split()[1]) for line in lines if line.startswith("voluntary_ctxt"))
    return total


def _written(processes: list[psutil.Process]) -> int:
    return sum(bytes_written(process.pid) for process in processes)


def _fine(value: float) -> str:
    return f"{value:.2f}".replace(".", ",")


def report(found: Idle) -> str:
    """The table, in Markdown."""
    rows = [
        ("mémoire, web et service de mise à jour (Mo)", f"{found.memory / MB:.0f}", f"≤ {GOAL_MEMORY_MB}"),
        ("dont le web (Mo)", f"{found.web_memory / MB:.0f}", ""),
        ("processeur (% d'un cœur)", _fine(found.percent), f"≤ {number(GOAL_PERCENT)}"),
        ("dont le web (% d'un cœur)", _fine(found.web_percent), ""),
        ("réveils par seconde", number(round(found.wakes, 1)), ""),
        ("écrits sur le disque (ko/s)", number(round(found.written / 1000, 1)), ""),
    ]
    head = [f"Au repos, pendant {found.seconds:.0f} s :", "", "| mesure | valeur | but |", "|---|---|---|"]
    return "\n".join([*head, *(f"| {' | '.join(row)} |" for row in rows)])


def say(found: Idle) -> int:
    """Print the table; 1 where a goal is missed."""
    sys.stdout.write(report(found) + "\n")
    return int(found.memory > GOAL_MEMORY_MB * MB or found.percent > GOAL_PERCENT)
