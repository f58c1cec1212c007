"""Runs scenarios side by side, each in its own world, and keeps their outcomes by commit so that it can be resumed."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path
from queue import Queue

import click

from ospi_supervisor.domain.lifecycle import Phase
from tests.faults.crashes import SHORT, WRONG_HEALTH
from tests.faults.play import Outcome, Workshop, measure, play
from tests.faults.scenario import Scenario
from tests.faults.vendor import make_vendor
from tests.faults.world import REPOSITORY
from tests.support.memory_disk import in_memory, lasting
from tests.support.postgres import postgres_server

CACHE = REPOSITORY / ".cache/faults"
SUBJECT = ("ospi_supervisor", "jobs", "maintenance_page", ":(exclude)ospi_supervisor/publisher")
"""What is put to the test, on the hospital's side: a commit that touches none of these leaves outcomes true.

Whoever changes what a scenario does, or what the oracle asks, plays what depends on it again (`--only`).
"""

PORTS_FROM = 12000
"""Below the range that the kernel hands out to clients, which could take a stopped service's port."""


def commit() -> str:
    """The commit that outcomes are recorded under."""
    command = ["git", "log", "-1", "--format=%h", "--", *SUBJECT]
    found = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout.strip()
    changed = subprocess.run(["git", "diff", "--quiet", "HEAD", "--", *SUBJECT], cwd=REPOSITORY).returncode
    return f"{found}-modified" if changed else found


class Results:
    """The outcomes of one commit, on disk after each."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.by_name: dict[str, Outcome] = {}
        if path.exists():
            for row in json.loads(path.read_text()):
                self.by_name[row["name"]] = Outcome(**row | {"violations": tuple(row["violations"])})

    def add(self, outcome: Outcome) -> None:
        """Record one more."""
        self.by_name[outcome.name] = outcome
        rows = [asdict(known) for known in self.by_name.values()]
        temporary = self._path.with_suffix(".new")
        temporary.write_text(json.dumps(rows, ensure_ascii=False, indent=1))
        temporary.replace(self._path)


@contextmanager
def workshop() -> Iterator[Workshop]:
    """The vendor, a database server, and how many places there are inside each phase."""
    folder = Path(lasting(), f"ospi-faults-{os.getpid()}")
    folder.mkdir(mode=0o755)
    try:
        with in_memory(folder), postgres_server(folder / "server") as server:
            vendor = make_vendor(folder / "vendor")
            made = Workshop(folder, vendor, server, {}, 0.0)
            there = Scenario(name="count", fault="", phase=Phase.VALIDATE)
            and_back = Scenario(name="count", fault="", phase="", moods=WRONG_HEALTH, health_timeout=SHORT)
            port = first_ports(1)[0]
            yield measure(measure(made, and_back, port), there, port)
    finally:
        shutil.rmtree(folder)


def first_ports(count: int) -> list[int]:
    """For each of `count` worlds the first of its four ports, apart from those of other campaigns on this machine."""
    first = PORTS_FROM + os.getpid() % 4000 * 4
    return [first + 4 * position for position in range(count)]


def run(scenarios: Sequence[Scenario], results: Results, jobs: int, minutes: float) -> None:
    """Play them all, `jobs` at a time, beginning none after `minutes`; told and recorded one by one."""
    end = time.monotonic() + minutes * 60
    ports: Queue[int] = Queue()
    with workshop() as shared, ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        for port in first_ports(jobs):
            ports.put(port)
        waiting = list(reversed(scenarios))
        running: dict[Future[Outcome], int] = {}
        while running or (waiting and time.monotonic() < end):
            while waiting and not ports.empty() and time.monotonic() < end:
                port = ports.get()
                running[pool.submit(play, waiting.pop(), shared, port)] = port
            done = next(as_completed(running))
            ports.put(running.pop(done))
            if (error := done.exception()) is not None:
                click.echo(f"     broken    {type(error).__name__}: {error}; to be played again")
                continue
            outcome = done.result()
            results.add(outcome)
            tell(outcome, len(results.by_name))


def tell(outcome: Outcome, position: int) -> None:
    """One line, and how to see it again where it is a violation."""
    word = "missed" if outcome.missed else ("VIOLATION" if outcome.violations else "ok")
    click.echo(f"{position:4} {word:9} {outcome.name:45} {outcome.status:12} {outcome.seconds:5.1f} s")
    for violation in outcome.violations:
        click.echo(f"       {violation}")
    if outcome.violations:
        click.echo(f"       again: python -m tests.faults --only {outcome.name}")


def results_of(name: str) -> Results:
    """The outcomes known for that commit."""
    CACHE.mkdir(parents=True, exist_ok=True)
    return Results(CACHE / f"{name}.json")
