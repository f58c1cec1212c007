"""Whenever a hand is ended, or the worker killed, nothing of it is left waiting."""

import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from ospi_supervisor.hands.ending import PROGRAM, end, sweep
from ospi_supervisor.hands.sandbox import View, enclosed
from tests.support.system import require_program, require_root, wait_until

pytestmark = pytest.mark.system
STARTS = 40
LONGEST_START_SECONDS = 0.006


@pytest.fixture(autouse=True)
def _real_bubblewrap() -> Iterator[None]:
    require_root("hands are enclosed by root alone")
    require_program(PROGRAM)
    yield
    sweep()


def left(folder: Path) -> list[psutil.Process]:
    """The living processes that were given `folder`."""
    found = []
    for process in psutil.process_iter():
        try:
            if str(folder) in process.cmdline() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.NoSuchProcess:
            continue
    return found


def started(folder: Path) -> subprocess.Popen[bytes]:
    """bubblewrap at some instant of its start, long before what it is to run has ended."""
    with enclosed(["sleep", "3600"], View(folders=[folder])) as (command, descriptors):
        process = subprocess.Popen(command, env={}, pass_fds=descriptors, stdin=subprocess.DEVNULL)
        time.sleep(random.uniform(0, LONGEST_START_SECONDS))
    return process


def test_a_hand_ended_at_any_instant_of_its_start_leaves_nothing(tmp_path: Path) -> None:
    for _ in range(STARTS):
        end(started(tmp_path))
    wait_until(lambda: not left(tmp_path), "the end of what the last one had started")


def test_one_that_has_ended_by_itself_is_as_well(tmp_path: Path) -> None:
    with enclosed(["true"], View(folders=[tmp_path])) as (command, descriptors):
        process = subprocess.Popen(command, env={}, pass_fds=descriptors)
        process.wait()
    end(process)
    assert process.returncode == 0


def test_what_a_killed_worker_left_waiting_is_swept_and_nothing_else(tmp_path: Path) -> None:
    folder, other = tmp_path / "laissé", tmp_path / "en marche"
    folder.mkdir()
    other.mkdir()
    orphan_a_start(folder)
    working = started(other)
    try:
        sweep()
        wait_until(lambda: not left(folder), "the end of what was left")
        assert left(other)
        assert working.poll() is None
    finally:
        end(working)


def orphan_a_start(folder: Path) -> None:
    """Kill the first process alone until it leaves the second waiting: it must have been between the two."""
    for _ in range(2000):
        process = started(folder)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        time.sleep(0.01)
        if left(folder):
            return
    pytest.fail("bubblewrap was never killed between its two processes")
