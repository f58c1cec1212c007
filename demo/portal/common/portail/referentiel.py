"""The reference table that a release brings, made into a small database in the release's own folder `cache`.

Run by the hook of the phase `stage`, while the platform serves with the former release. Standard library only.
"""

import csv
import sqlite3
from pathlib import Path


def build_cache(release_dir: Path) -> int:
    """Make `cache/comparaison.db` from `ressources/comparaison.csv`; how many rows it holds."""
    target = release_dir / "cache" / "comparaison.db"
    target.parent.mkdir(exist_ok=True)
    target.unlink(missing_ok=True)
    with (release_dir / "ressources" / "comparaison.csv").open(encoding="utf-8", newline="") as source:
        rows = [(row["finess"], row["ghm"], int(row["sejours"]), float(row["duree"])) for row in csv.DictReader(source)]
    database = sqlite3.connect(target)
    with database:
        database.execute("CREATE TABLE comparaison (finess TEXT, ghm TEXT, sejours INTEGER, duree REAL)")
        database.executemany("INSERT INTO comparaison VALUES (?, ?, ?, ?)", rows)
    database.close()
    return len(rows)
