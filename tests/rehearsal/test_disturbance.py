"""A platform under load hardly notices that an update of it is rehearsed."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median

import pytest
import urllib3

from ospi_supervisor.domain.rehearsal import Outcome
from tests.rehearsal.conftest import MakeSite
from tests.rehearsal.site import MIGRATION, Site

HUNGRY = f"""
import subprocess, sys
code = '''import os, sys, time
end = time.monotonic() + 12
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
    site = make_site()
    site.hook(HUNGRY)
    with asked(site) as before:
        time.sleep(12)
    with asked(site) as during:
        verdict = site.rehearse()
    assert verdict.outcome is Outcome.REHEARSED, verdict.reason
    assert min(len(before), len(during)) > 50
    assert median(during) <= WIDEST * median(before), (median(before), median(during))
