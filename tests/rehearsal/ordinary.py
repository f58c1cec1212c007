"""A platform of an ordinary user's, rehearsed: `ordinary.py FOLDER`.

It prints what was said of a good update, and of one that a poisoned row spoils.
"""

import sys
from pathlib import Path

import msgspec

from tests.rehearsal.site import MIGRATION, site_in


def main(folder: str) -> None:
    with site_in(Path(folder), None) as site:
        site.hook(MIGRATION)
        verdicts = [site.rehearse()]
        site.poison()
        site.back_up()
        verdicts.append(site.rehearse())
    sys.stdout.buffer.write(msgspec.json.encode(verdicts))


if __name__ == "__main__":
    main(*sys.argv[1:])
