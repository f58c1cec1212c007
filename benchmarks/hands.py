"""`python -m benchmarks hands`: the real application updated, restored by hand and rolled back, by the program that had
no hands yet and by this one, in turns. As root: hands of an ordinary user take nothing away.

What comes back is compared to the last attribute: the data folder also holds odd names, ACLs, attributes, links of both
kinds, holes, a pipe, and times of long ago.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from benchmarks.former import HERE, former_program
from tests.backup.trees import State, add_oddities, fill, state_of
from tests.real_application.hospital import Site, running
from tests.real_application.vendor import Vendor, add_column_by_hand, deliver

BEFORE = "693095d"
"""The last release whose root opened the platform's folders by itself; nothing was rehearsed then."""
ROOMS = ("ospi_supervisor", "jobs", "templates", "static", "maintenance_page", "wsgi.py")
SINCE_DROPPED = "argon2-cffi==25.1.0"
"""A library that the program of then asks for, and this one no more."""
PAIRS = 5
FILES = 500
PATIENCE_SECONDS = 1800
GOAL = 1.15
STEPS = {"update": "mise à jour", "restore": "restauration à la main", "rollback": "retour en arrière"}


def main(pairs: int = PAIRS) -> int:
    """Measure so many pairs, and print the table."""
    folder = Path(tempfile.mkdtemp(prefix="ospi-mains-", dir="/var/tmp"))
    folder.chmod(0o755)
    try:
        vendor = deliver(folder)
        with former_program(BEFORE, *ROOMS) as former:
            pip = [sys.executable, "-m", "pip", "install", "--quiet", f"--target={former}", SINCE_DROPPED]
            subprocess.run(pip, check=True)
            taken = [_pair(folder, vendor, (former, HERE), number) for number in range(pairs)]
    finally:
        shutil.rmtree(folder)
    print(f"\n| opération (médianes, paires : {pairs}) | sans les mains (s) | par elles (s) | rapport | but |")
    print("|---|---|---|---|---|")
    for step, title in STEPS.items():
        before, after = ([times[which][step] for times in taken] for which in (0, 1))
        ratio = median(new / old for old, new in zip(before, after, strict=True))
        print(f"| {title} | {median(before):.2f} | {median(after):.2f} | **{ratio:.2f}** | ≤ {GOAL} |", flush=True)
    return 0


def _pair(folder: Path, vendor: Vendor, programs: tuple[Path, Path], number: int) -> tuple[dict[str, float], ...]:
    """The seconds of each step by both programs, which take turns at being the first."""
    order = programs if number % 2 == 0 else programs[::-1]
    times = {program: _measured(folder / "site", vendor, program) for program in order}
    for program in programs:
        print(f"{number} {program.name:20} {times[program]}", file=sys.stderr, flush=True)
    return tuple(times[program] for program in programs)


def _measured(folder: Path, vendor: Vendor, program: Path) -> dict[str, float]:
    folder.mkdir()
    try:
        rehearsal = "never" if program == HERE else ""
        with _run_by(program), running(folder, vendor.root_metadata, vendor.installed, _nothing, rehearsal) as site:
            documents = site.root / "data" / "documents"
            before = _documents(documents)
            times = {"update": _seconds(site, 0, "import", str(vendor.archive), "--notice-read", "--wait")}
            backup = json.loads(site.supervisor("backup", "list", "--json").stdout)[0]["id"]
            consent = ("--yes",) if program == HERE else ()  # the program of then asked for none
            times["restore"] = _seconds(site, 0, "backup", "restore", backup, *consent)
            assert state_of(documents) == before
            add_column_by_hand(site)
            times["rollback"] = _seconds(site, 1, "import", str(vendor.archive), "--notice-read", "--wait")
            assert state_of(documents) == before
            return times
    finally:
        shutil.rmtree(folder)


def _nothing(_: Site) -> None:
    """The platform as it is."""


def _documents(folder: Path) -> State:
    """A folder of the application's data with all that a file system may hold; as it is."""
    folder.mkdir()
    fill(folder, FILES)
    add_oddities(folder)
    os.setxattr(folder / "premier", "user.origine", b"\0\xff")
    subprocess.run(["setfacl", "--modify", "user:1:rwx", folder / "vide", folder / "second"], check=True)
    os.utime(folder / "premier", ns=(1_000_000_001, 1_000_000_001))
    return state_of(folder)


def _seconds(site: Site, status: int, *command: str) -> float:
    began = time.monotonic()
    done = subprocess.run(site.command(*command), capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)
    assert done.returncode == status, done.stderr
    return time.monotonic() - began


@contextmanager
def _run_by(program: Path) -> Iterator[None]:
    """What is started within the block runs the sources in `program`."""
    former = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = str(program)
    try:
        yield
    finally:
        os.environ.pop("PYTHONPATH") if former is None else os.environ.update(PYTHONPATH=former)
