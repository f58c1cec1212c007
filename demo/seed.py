"""The demonstration hospital's data: invented, the same at each creation."""

import csv
import random
import sqlite3
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

from demo.notice import write_pdf

SCHEMA = 1150
STAYS = 4200
HOSPITALS = 5000
CORRECTED = 50

GROUPS = {
    "04M05": ("Pneumonies et pleurésies banales", "Pneumologie", 8.0),
    "05K10": ("Actes diagnostiques par voie vasculaire", "Cardiologie", 2.0),
    "05M09": ("Insuffisances cardiaques", "Cardiologie", 9.0),
    "06C12": ("Interventions pour hernies", "Chirurgie viscérale", 2.2),
    "06M03": ("Gastroentérites et maladies diverses du tube digestif", "Médecine interne", 4.1),
    "07C14": ("Cholécystectomies", "Chirurgie viscérale", 4.4),
    "08C47": ("Prothèses de hanche pour traumatismes récents", "Orthopédie", 11.0),
    "08C24": ("Prothèses de genou", "Orthopédie", 6.2),
    "11M04": ("Infections des reins et des voies urinaires", "Médecine interne", 6.3),
    "14Z14": ("Accouchements uniques par voie basse", "Maternité", 3.9),
    "14C08": ("Césariennes pour grossesse unique", "Maternité", 5.6),
    "23M20": ("Autres symptômes et motifs de recours aux soins", "Médecine interne", 3.4),
}
LEVELS = "1234"
USUAL_DAYS = [
    (prefix + level, usual * (0.7 + 0.35 * int(level))) for prefix, (_, _, usual) in GROUPS.items() for level in LEVELS
]
"""Each group at each level, and how long its stays usually are."""
REFERENCE_STAYS = range(3, 901)

TABLES = """
CREATE TABLE ghm (code TEXT PRIMARY KEY, libelle TEXT NOT NULL);
CREATE TABLE sejour (
    id INTEGER PRIMARY KEY, entree TEXT NOT NULL, sortie TEXT NOT NULL, ghm TEXT NOT NULL REFERENCES ghm (code),
    service TEXT NOT NULL, age INTEGER NOT NULL, valorisation REAL NOT NULL
);
CREATE TABLE note (id INTEGER PRIMARY KEY AUTOINCREMENT, le TEXT NOT NULL, texte TEXT NOT NULL);
INSERT INTO note (le, texte) VALUES ('2026-03-02T08:15:00+00:00', 'Activité de maternité à relire avec le DIM.');
"""
DOCUMENTS = {
    "bilan-activite-2025.pdf": ["Bilan d'activité 2025", "Le nombre de séjours progresse de 2,1 %."],
    "fiche-qualite-codage.pdf": ["Qualité du codage", "Contrôle de 120 dossiers tirés au sort."],
    "procedure-export-mensuel.pdf": ["Export mensuel", "Déposer l'export avant le 5 du mois."],
}


def write_data(data: Path) -> None:
    """Make the portal's database, at schema 1150, and its documents in the folder `data`, which must not exist."""
    documents = data / "documents"
    documents.mkdir(parents=True)
    for name, lines in DOCUMENTS.items():
        write_pdf(documents / name, [lines])
    database = sqlite3.connect(data / "portail.db")
    database.execute("PRAGMA journal_mode = WAL")
    database.executescript(TABLES)
    codes = [(prefix + level, label) for prefix, (label, _, _) in GROUPS.items() for level in LEVELS]
    database.executemany("INSERT INTO ghm VALUES (?, ?)", codes)
    database.executemany("INSERT INTO sejour VALUES (?, ?, ?, ?, ?, ?, ?)", _stays())
    database.execute(f"PRAGMA user_version = {SCHEMA}")
    database.commit()
    database.close()


def _stays() -> Iterator[tuple[int, str, str, str, str, int, float]]:
    draw = random.Random(1150)
    weights = [draw.uniform(0.4, 1.6) for _ in GROUPS]
    for number in range(1, STAYS + 1):
        prefix, (_, service, usual) = draw.choices(list(GROUPS.items()), weights)[0]
        level = draw.choices((1, 2, 3, 4), (52, 27, 15, 6))[0]
        days = max(0, round(draw.gauss(usual * (0.7 + 0.35 * level), usual / 4)))
        leave = date(2026, 1, 1) + timedelta(days=int(304 * draw.betavariate(1.1, 0.95)))
        worth = round((900 + 420 * days) * draw.uniform(0.85, 1.2), 2)
        enter = leave - timedelta(days=days)
        yield number, enter.isoformat(), leave.isoformat(), f"{prefix}{level}", service, draw.randint(18, 96), worth


def write_reference(path: Path, version: str) -> None:
    """The reference table that release `version` brings: other hospitals' stays and lengths, by group.

    From one release to the next a few hospitals' figures change, as happens.
    """
    usual, corrected = random.Random(SCHEMA), random.Random(version)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["finess", "ghm", "sejours", "duree"])
        for number in range(HOSPITALS):
            writer.writerows(_reference_of_a_hospital(corrected if number < CORRECTED else usual))


def _reference_of_a_hospital(draw: random.Random) -> Iterator[tuple[str, str, int, str]]:
    hospital = f"{draw.randint(10**8, 10**9 - 1)}"
    for (group, usual), stays in zip(USUAL_DAYS, draw.choices(REFERENCE_STAYS, k=len(USUAL_DAYS)), strict=True):
        yield hospital, group, stays, f"{usual * draw.uniform(0.7, 1.35):.4f}"
