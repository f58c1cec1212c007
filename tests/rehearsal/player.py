"""A worker that only rehearses: `player.py FOLDER ACCOUNT`. It prints a line when it begins, and its verdict."""

import sys
from pathlib import Path

from tests.rehearsal.site import Site


def main(folder: str, account: str = "") -> None:
    site = Site(Path(folder), account or None)
    sys.stdout.write("begun\n")
    sys.stdout.flush()
    verdict = site.rehearse()
    sys.stdout.write(f"{verdict.outcome} {verdict.reason}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
