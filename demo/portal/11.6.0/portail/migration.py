"""The migration of the portal's data from schema 1150 to 1160. Standard library only.

Each stay gets its length and its level of severity, read from its group's code; the monthly activity is
summed up; the documents get a catalogue. Committed in batches: a migration cut short leaves a half-done state.
"""

import hashlib
import json
import sqlite3
import time
from pathlib import Path

BATCH = 300
PAUSE = 0.3  # seconds: a hospital's migration takes hours, this one takes the time to be seen

ADD_COLUMNS = (
    "ALTER TABLE sejour ADD COLUMN duree INTEGER",
    "ALTER TABLE sejour ADD COLUMN severite TEXT",
)
SUM_UP = (
    "CREATE TABLE activite AS SELECT substr(sortie, 1, 7) AS mois, severite, count(*) AS sejours,"
    " sum(duree) AS journees, sum(valorisation) AS valorisation FROM sejour GROUP BY 1, 2",
    "PRAGMA user_version = 1160",
)


def migrate(database_path: Path, documents: Path) -> None:
    """Bring the data to schema 1160, telling the progress on standard output."""
    database = sqlite3.connect(database_path)
    schema = database.execute("PRAGMA user_version").fetchone()[0]
    if schema != 1150:
        raise SystemExit(f"la migration part du schéma 1150, celui des données est {schema}")
    _progress(2, "Ajout des colonnes durée et sévérité")
    for statement in ADD_COLUMNS:
        database.execute(statement)
    _compute_stays(database)
    _progress(90, "Synthèse de l'activité mensuelle")
    for statement in SUM_UP:
        database.execute(statement)
    database.commit()
    database.close()
    _catalogue(documents)
    _progress(100, "Données au schéma 1160")


def severity(ghm: str) -> str:
    """The level of a group, from its code's last character: 1 to 4, or 1 for the letters of short stays."""
    return ghm[-1] if ghm[-1] in "1234" else "1"


def _compute_stays(database: sqlite3.Connection) -> None:
    stays = database.execute("SELECT id, ghm, julianday(sortie) - julianday(entree) FROM sejour").fetchall()
    for start in range(0, len(stays), BATCH):
        batch = [(round(days), severity(ghm), number) for number, ghm, days in stays[start : start + BATCH]]
        database.executemany("UPDATE sejour SET duree = ?, severite = ? WHERE id = ?", batch)
        database.commit()
        done = start + len(batch)
        print(f"séjours {start + 1} à {done} : durée et sévérité calculées")
        _progress(5 + 85 * done / len(stays), f"{done} séjours sur {len(stays)}")
        time.sleep(PAUSE)


def _catalogue(documents: Path) -> None:
    _progress(95, "Catalogue des documents")
    files = sorted(path for path in documents.iterdir() if path.suffix != ".json")
    sums = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    (documents / "catalogue.json").write_text(json.dumps(sums, indent=1, ensure_ascii=False), encoding="utf-8")
    print(f"documents : {len(sums)} au catalogue")


def _progress(percent: float, message: str) -> None:
    print(f"@progress {percent:.0f} {message}", flush=True)
