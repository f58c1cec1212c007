"""A platform under load hardly notices that an update of it is rehearsed."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from statistics import mean, median

import pytest
import urllib3

from ospi_supervisor.domain.rehearsal import Outcome
from ospi_supervisor.rehearsal import limits
from tests.rehearsal.conftest import MakeSite
from tests.rehearsal.site import MIGRATION, Heard, Site
from tests.support.system import unavailable

HUNGRY = f"""
import subprocess, sys
code = '''import os, sys, time
end = time.monotonic() + 8
with open(sys.argv[1], "wb") as file:
    while time.monotonic() < end:
        file.seek(0)
        file.write(os.urandom(1 << 20))
        file.flush()
'''
children = [subprocess.Popen([sys.executable, "-c", code, "/tmp/" + str(number)]) for number in range(4)]
[child.wait() for child in children]
{MIGRATION}"""
WIDEST = 1.5
LEAVING = f"""
import subprocess, sys
code = '''import time
time.sleep(2)
groups = [line.strip().split(":") for line in open("/proc/self/cgroup")]
print(*(place for _, names, place in groups if not names or "cpu" in names.split(",")))
print(open("/proc/self/autogroup").read().strip())
'''
subprocess.run([sys.executable, "-c", code], start_new_session=True, check=True)
{MIGRATION}"""
ROUNDS = 3
QUIET_SECONDS = 6.0


@contextmanager
def asked(site: Site) -> Iterator[list[float]]:
    """How long each of some twenty requests a second takes, in seconds."""
    times: list[float] = []
    over = threading.Event()

    def ask() -> None:
        with urllib3.PoolManager(retries=False, timeout=60) as http:
            while not over.wait(0.05):
                began = time.monotonic()
                http.request("GET", f"http://127.0.0.1:{site.port}/")
                times.append(time.monotonic() - began)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield times
    finally:
        over.set()
        thread.join()


@pytest.mark.full
def test_the_median_answer_is_at_most_half_as_long_again(make_site: MakeSite) -> None:
    """Each rehearsal is held against the time just before it and just after: the machine has other things to do too."""
    site = make_site()
    site.hook(HUNGRY)
    quiet, during = [alone(site)], []
    for _ in range(ROUNDS):
        with asked(site) as times:
            verdict = site.rehearse()
        assert verdict.outcome is Outcome.REHEARSED, verdict.reason
        assert len(times) > 30
        during.append(median(times))
        quiet.append(alone(site))
    ratios = [found / mean(beside) for found, beside in zip(during, pairwise(quiet), strict=True)]
    assert median(ratios) <= WIDEST, (quiet, during)


def alone(site: Site) -> float:
    """The median answer while nothing is rehearsed."""
    with asked(site) as times:
        time.sleep(QUIET_SECONDS)
    return median(times)


@pytest.mark.parametrize("with_groups", [True, False])
def test_whoever_leaves_its_session_stands_behind_the_platform_too(
    make_site: MakeSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, with_groups: bool
) -> None:
    if not with_groups:
        if not Path("/proc/self/autogroup").exists():
            unavailable("this kernel knows no shares of sessions")
        monkeypatch.setattr(limits, "CGROUP_ROOT", tmp_path)
    site, heard = make_site(), Heard()
    site.hook(LEAVING)
    assert site.rehearse(heard).outcome is Outcome.REHEARSED
    assert limits.PREFIX in heard.lines[0] or f"nice {limits.LOW_NICE}" in heard.lines[1], heard.lines
