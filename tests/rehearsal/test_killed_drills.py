"""A worker that is killed during a drill leaves nothing of it, and the next one makes the drill that was asked for."""

import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.rehearsal.portal import Portal, portal
from tests.support.postgres import Postgres

pytestmark = [pytest.mark.system, pytest.mark.full]

DRILL_SECONDS = 10.0
"""About what one takes on a busy machine: the instants of death are spread over it."""
PATIENCE = 120.0


@pytest.fixture(scope="module")
def hospital(postgres: Postgres) -> Iterator[Portal]:
    with portal(postgres, "tuee") as found:
        found.snapshot("tuee")
        yield found


def of_the_twin(hospital: Portal) -> list[str]:
    """What runs, or is mounted, of a twin of that hospital."""
    place, found = f"{hospital.root}/backups/.repetition", []
    for process in psutil.process_iter():
        try:
            words = " ".join(process.cmdline())
            mounts = Path(f"/proc/{process.pid}/mountinfo").read_text(encoding="utf-8", errors="replace")
        except (psutil.Error, OSError):
            continue
        if place in words or place in mounts or f"postgresql-{hospital.server.port}" in words:
            found.append(f"{process.pid} {words}")
    return found


def until(condition: object, what: str) -> None:
    assert callable(condition)
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def die(process: subprocess.Popen[bytes], *, all_of_it: bool) -> None:
    """Kill a worker, or everything that it started as well, in no order."""
    family = psutil.Process(process.pid).children(recursive=True) if all_of_it else []
    os.kill(process.pid, signal.SIGKILL)
    for child in random.sample(family, len(family)):
        try:
            child.kill()
        except psutil.Error:
            continue  # it died with the worker
    process.wait()


def play(hospital: Portal, after: float, *, all_of_it: bool) -> None:
    """One death, so many seconds after a drill was asked for; then what a new worker makes of it."""
    with hospital.worker() as worker:
        command = hospital.command("backup", "drill", "--json")
        drill = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            until(lambda: (hospital.root / "backups/.repetition").exists(), "no twin came to be")
            time.sleep(after)
        finally:
            die(worker, all_of_it=all_of_it)
        until(lambda: not of_the_twin(hospital), "a twin outlived its worker")
    with hospital.worker():
        said, _ = drill.communicate(timeout=PATIENCE)
    assert drill.returncode == 0, said.decode()
    assert json.loads(said)["proof"] == "proven"
    assert not of_the_twin(hospital)
    assert not list(hospital.root.rglob(".repetition"))


def test_nothing_is_left_at_thirty_instants(hospital: Portal) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")  # noqa: T201
    dice = random.Random(seed)
    for number in range(30):
        play(hospital, dice.uniform(0, DRILL_SECONDS), all_of_it=number % 2 == 1)
