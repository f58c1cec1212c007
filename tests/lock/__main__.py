"""`make lock-check`: the lock is complete, and every wheel of what runs on a server is there for its platforms."""

import sys
import tempfile
from pathlib import Path

import click

from distribution.wheels import PYTHONS, fetch
from tests.lock.closure import faults_of, read_lock, read_needs

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "requirements"


def faults() -> list[str]:
    """Everything wrong, one line each."""
    run, test = read_lock(FOLDER / "run.txt"), read_lock(FOLDER / "test.txt")
    asked = read_needs(ROOT / "setup.cfg") + read_needs(FOLDER / "build.in")
    found = [f"run.txt: {fault}" for fault in faults_of(run, asked)]
    found += [f"test.txt: {fault}" for fault in faults_of(test, read_needs(FOLDER / "test.in"))]
    both = sorted(run.keys() & test.keys())
    found += [f"{name} is locked twice, differently" for name in both if run[name].version != test[name].version]
    for python in PYTHONS:
        with tempfile.TemporaryDirectory(prefix="wheels-") as folder:
            said = fetch(FOLDER / "run.txt", python, Path(folder))
        found += [f"run.txt: no wheel for Python {python} and glibc 2.17: {said}"] if said else []
    return found


def main() -> int:
    """0 where the lock holds."""
    found = faults()
    for fault in found:
        click.echo(f"lock-check: {fault}", err=True)
    if not found:
        click.echo(
            f"lock-check: complete, with wheels for CPython {', '.join(PYTHONS)} on glibc 2.17 and later (x86_64)"
        )
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
