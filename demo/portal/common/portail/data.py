"""The portal's data: a SQLite database, and a folder of documents, both outside the releases."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from .release import Panel, Release


def database_path(data: Path) -> Path:
    """Where the database lies in the data folder."""
    return data / "portail.db"


def documents_path(data: Path) -> Path:
    """Where the deposited documents lie in the data folder."""
    return data / "documents"


@contextmanager
def connect(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection to an existing database: one transaction, committed where nothing was raised, then closed."""
    connection = sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, timeout=10)
    try:
        with connection:
            yield connection
    finally:
        connection.close()


def check_schema(path: Path, release: Release) -> None:
    """Leave with a clear line where the data are not of this release's schema."""
    with connect(path) as database:
        found = database.execute("PRAGMA user_version").fetchone()[0]
    if found != release.schema:
        raise SystemExit(
            f"portail {release.version} : les données sont au schéma {found}, cette version demande {release.schema} ;"
            " arrêt"
        )


@dataclass(frozen=True)
class Overview:
    """The figures at the head of the dashboard; `revenue` in euros, `mean_stay` in days."""

    stays: int
    days: int
    mean_stay: float
    revenue: float
    reference: float | None


def overview(data: Path, release: Release) -> Overview:
    """The head figures, with the national mean stay that the release's own reference table holds."""
    with connect(database_path(data)) as database:
        stays, days, revenue = database.execute(
            "SELECT count(*), sum(julianday(sortie) - julianday(entree)), sum(valorisation) FROM sejour"
        ).fetchone()
    return Overview(stays, int(days), days / stays, revenue, _national_mean_stay(release))


def _national_mean_stay(release: Release) -> float | None:
    cache = release.root / "cache" / "comparaison.db"
    if not cache.exists():
        return None
    with connect(cache) as database:
        mean: float = database.execute("SELECT sum(sejours * duree) / sum(sejours) FROM comparaison").fetchone()[0]
    return mean


def points(data: Path, panel: Panel) -> list[tuple[str, float]]:
    """A panel's (label, value) rows."""
    with connect(database_path(data)) as database:
        return [(str(label), float(value)) for label, value in database.execute(panel.sql)]


@dataclass(frozen=True)
class Group:
    """One line of the table: a homogeneous group of patients and what was done for it."""

    code: str
    label: str
    stays: int
    mean_stay: float
    revenue: float


def groups(data: Path) -> list[Group]:
    """The groups that weigh most, by their number of stays."""
    with connect(database_path(data)) as database:
        rows = database.execute(
            "SELECT s.ghm, g.libelle, count(*), avg(julianday(sortie) - julianday(entree)), sum(valorisation)"
            " FROM sejour s JOIN ghm g ON g.code = s.ghm GROUP BY 1, 2 ORDER BY 3 DESC, 1 LIMIT 12"
        )
        return [Group(*row) for row in rows]


@dataclass(frozen=True)
class Note:
    """A remark that a user of the portal left."""

    at: str
    text: str


def notes(data: Path) -> list[Note]:
    """The latest remarks, newest first."""
    with connect(database_path(data)) as database:
        return [Note(*row) for row in database.execute("SELECT le, texte FROM note ORDER BY id DESC LIMIT 5")]


def add_note(data: Path, text: str) -> None:
    """Keep a remark."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    with connect(database_path(data)) as database:
        database.execute("INSERT INTO note (le, texte) VALUES (?, ?)", (now, text))
