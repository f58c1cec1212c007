"""What a hook leaves behind is killed, however it hides; what others leave is not."""

import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from ospi_supervisor.errors import HookError
from ospi_supervisor.platform.hooks import kill_leftovers
from tests.platform.hook_bench import Bench
from tests.support.forked import forked
from tests.support.system import wait_until

STRANGE = "env -i setsid sh -c 'echo $$ > {file}.new; mv {file}.new {file}; exec sleep 120'"
"""A daemon that kept nothing of its hook: not its environment, not its session, and soon not its parent."""


def is_running(pid: int) -> bool:
    """Whether that process works; one that ended may stay listed until somebody asks how."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def threads_of(pid: int) -> int:
    """How many threads that process has; one that ended may stay listed, with its first alone."""
    try:
        return psutil.Process(pid).num_threads()
    except psutil.NoSuchProcess:
        return 0


def wait_for_pid(file: Path) -> int:
    wait_until(file.exists, "the daemon runs")
    return int(file.read_text())


@pytest.mark.parametrize("code", [0, 1])
@pytest.mark.parametrize("output", ["", ">/dev/null 2>&1"])
def test_a_child_that_kept_nothing_of_the_hook_is_killed(bench: Bench, code: int, output: str) -> None:
    file = bench.release / "daemon"
    began = time.monotonic()
    try:
        bench.run(
            f"({STRANGE.format(file=file)} {output} &)\nwhile ! [ -e {file} ]; do :; done; exit {code}", timeout=60
        )
    except HookError:
        assert code == 1
    assert time.monotonic() - began < 100
    assert not is_running(wait_for_pid(file))


def test_one_that_hops_from_process_to_process_is_caught(bench: Bench) -> None:
    hop = bench.release / "hop"
    hop.write_text(f"#!/bin/sh\necho $$ > {bench.release}/last\n[ $1 -gt 3000 ] || env -i setsid $0 $(($1+1)) &\n")
    hop.chmod(0o755)
    bench.run(f"env -i setsid {hop} 1 >/dev/null 2>&1 & sleep 0.2")
    last = (bench.release / "last").read_text()
    time.sleep(0.3)
    assert (bench.release / "last").read_text() == last


def test_a_child_whose_first_thread_has_ended_is_killed(bench: Bench) -> None:
    file = bench.release / "daemon"
    program = bench.release / "threads.py"
    program.write_text(
        "import ctypes, os, pathlib, threading, time\n"
        "threading.Thread(target=time.sleep, args=(60,)).start()\n"
        f"pathlib.Path({str(file)!r}).write_text(str(os.getpid()))\n"
        "ctypes.CDLL(None).pthread_exit(None)\n"
    )
    bench.run(
        f"env -i setsid {sys.executable} {program} >/dev/null 2>&1 &\nwhile ! [ -s {file} ]; do :; done; sleep 0.3",
        timeout=60,
    )
    assert threads_of(wait_for_pid(file)) <= 1


def test_what_ends_all_the_time_elsewhere_keeps_no_update_from_its_end(bench: Bench) -> None:
    """A busy hospital: at each look there is another process of somebody else's that has just ended."""
    endless = "import os, time\nfor _ in range(4000):\n    os.fork() or os._exit(0)\n    time.sleep(0.001)\n"
    with subprocess.Popen([sys.executable, "-c", endless]) as busy:
        try:
            bench.run(f"{STRANGE.format(file=bench.release / 'daemon')} & sleep 0.2")
        finally:
            busy.kill()
    assert bench.survivors() == []


def test_children_that_are_started_again_when_they_die_are_killed(bench: Bench) -> None:
    script = "for n in 1 2 3; do sleep 5 & echo $! >> started; wait; done"
    bench.run(f"for n in 1 2 3 4 5; do env -i setsid sh -c '{script}' >/dev/null 2>&1 & done; sleep 0.3")
    started = (bench.release / "started").read_text().split()
    assert len(started) >= 5
    assert not any(is_running(int(pid)) for pid in started)


def test_hooks_of_a_dead_worker_are_killed_and_others_left_alone(bench: Bench, tmp_path: Path) -> None:
    file = bench.release / "daemon"
    worker = forked().Process(target=bench.run, args=(f"{STRANGE.format(file=file)} & sleep 60",))
    worker.start()
    daemon = wait_for_pid(file)
    worker.kill()
    worker.join()
    assert is_running(daemon)
    assert kill_leftovers(tmp_path / "elsewhere") == 0
    assert kill_leftovers(bench.release.parents[1]) == 3  # the hook and its two sleepers
    assert not is_running(daemon)
    assert bench.survivors() == []
