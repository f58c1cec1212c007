"""Killed at any instant, a rehearsal leaves no process, and nothing at all once what was cut is swept up."""

import contextlib
import random
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from ospi_supervisor.domain.rehearsal import Outcome
from ospi_supervisor.platform.machine import CGROUP_ROOT
from ospi_supervisor.rehearsal.limits import PREFIX
from ospi_supervisor.rehearsal.place import sweep
from tests.rehearsal.conftest import MakeSite
from tests.rehearsal.site import MIGRATION, Site
from tests.support.system import wait_until

SLOW = (
    f"import subprocess, time; subprocess.Popen(['sleep', '300'], start_new_session=True); time.sleep(0.5){MIGRATION}"
)


def player(site: Site) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "tests.rehearsal.player", str(site.root), site.account or ""]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stdout.readline() == "begun\n"
    return process


def of_the_twin(site: Site, own: set[int]) -> list[psutil.Process]:
    """The processes that see a twin's folder, or were started in one: all of the site's but those that serve it."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            words = [*process.cmdline(), *process.environ().values(), process.cwd()]
            is_sleeping = process.cmdline() == ["sleep", "300"] and process.environ().get("OSPI_REHEARSAL") == "1"
            if process.pid not in own and (is_sleeping or any(str(site.root) in word for word in words)):
                found.append(process)
    return found


def groups() -> list[Path]:
    """The cgroups of twins whose worker is dead."""
    left = [path for path in CGROUP_ROOT.rglob(f"{PREFIX}*") if path.is_dir()]
    return [path for path in left if not psutil.pid_exists(int(path.name.removeprefix(PREFIX)))]


def kill(process: "subprocess.Popen[str]", *, everything: bool) -> None:
    """The worker, or all of its own at once, the youngest first."""
    below = psutil.Process(process.pid).children(recursive=True) if everything else []
    for child in reversed(below):
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()
    process.kill()
    process.wait()
    assert process.stdout
    process.stdout.close()


@pytest.mark.parametrize("count", [3, pytest.param(32, marks=pytest.mark.full)])
def test_nothing_is_left_of_a_rehearsal_killed_at_any_instant(make_site: MakeSite, count: int) -> None:
    site = make_site()
    site.hook(SLOW)
    rows = site.rows()
    own = {process.pid for process in of_the_twin(site, set())}
    began = time.monotonic()
    whole = player(site)
    assert whole.communicate(timeout=180)[0] == "rehearsed \n"
    seconds = time.monotonic() - began
    chance = random.Random(count)
    for number in range(count):
        process = player(site)
        time.sleep(chance.uniform(0, seconds))
        kill(process, everything=number % 2 == 1)
        wait_until(lambda: not of_the_twin(site, own), "the end of the twin's processes", 60)
        sweep(site.config)
        assert not list(site.root.rglob(".repetition*"))
        assert groups() == []
        assert str(site.root) not in Path("/proc/mounts").read_text()
        assert site.rows() == rows
    assert site.rehearse().outcome is Outcome.REHEARSED
