"""`python -m tests.fuzz [--runs N] [PARSER…]`: fuzz with atheris; the executions of each parser, and any crash."""

import argparse
import re
import subprocess
import sys
from pathlib import Path

FOLDER = Path(".fuzz")
"""What is found on the way: inputs that led somewhere new, and those that crashed."""

DONE = re.compile(r"stat::number_of_executed_units:\s*(\d+)")


def fuzz(name: str, runs: int) -> tuple[int, bool]:
    """How often that parser was executed, and whether it held."""
    command = [sys.executable, "-m", "tests.fuzz.worker", name, f"-runs={runs}"]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    (FOLDER / f"{name}.log").write_text(done.stderr + done.stdout)
    executed = DONE.search(done.stderr)
    return int(executed[1]) if executed else 0, done.returncode == 0


def main() -> int:
    """Fuzz the parsers named, or all of them; 1 where one crashed."""
    from tests.fuzz.targets import TARGETS

    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("--runs", type=int, default=1_000_000)
    parser.add_argument("parsers", nargs="*", default=list(TARGETS))
    options = parser.parse_args()
    FOLDER.mkdir(exist_ok=True)
    held = True
    for name in options.parsers:
        executed, has_held = fuzz(name, options.runs)
        held = held and has_held
        said = "no crash" if has_held else f"CRASH: {FOLDER}/{name}.log"
        sys.stdout.write(f"{name:10} {executed:>9} executions, {said}\n")
        sys.stdout.flush()
    return 0 if held else 1


sys.exit(main())
