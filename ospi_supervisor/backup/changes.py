"""What was written in the data since a moment, counted as cheaply as can be: for who decides whether to lose it.

Files by their times, and databases by what their servers count: it takes nothing from anybody and proves nothing.
"""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from ospi_supervisor.backup.databases import Database
from ospi_supervisor.backup.listing import readable
from ospi_supervisor.domain.words import counted
from ospi_supervisor.errors import BackupError
from ospi_supervisor.hands.folder import folder_hand

UNKNOWN = "non mesuré"
CLOCK_LAG_NS = 20_000_000
"""By so much the clock of files may be behind the other one."""


class Changes:
    """Since this was made."""

    def __init__(self, databases: Sequence[Database], folders: Sequence[Path]) -> None:
        self._since = time.time_ns() - CLOCK_LAG_NS
        self._folders = folders
        self._marks = [(database, _mark(database)) for database in databases]

    def words(self, tick: Callable[[], None]) -> list[str]:
        """A line for the folders and one for each database; `tick` is called all along and may raise."""
        return [f"fichiers : {self._files(tick)}", *(f"base « {name} » : {what}" for name, what in self._databases())]

    def _files(self, tick: Callable[[], None]) -> str:
        left_out = frozenset(path for database, _ in self._marks for path in database.files())
        count = 0
        for folder in self._folders:
            try:
                with readable(folder), folder_hand(folder) as hand:
                    for entry in hand.scan(left_out, self._since, tick, reachable=True):
                        count += entry.kind == "file" and entry.ctime_ns == 0
            except BackupError:
                return UNKNOWN
        return counted(count, "créé ou modifié", "créés ou modifiés") if count else "aucun créé ni modifié"

    def _databases(self) -> list[tuple[str, str]]:
        return [(database.name, _written(database, mark)) for database, mark in self._marks]


def _mark(database: Database) -> int | None:
    try:
        return database.mark()
    except BackupError:
        return None


def _written(database: Database, mark: int | None) -> str:
    if mark is None or (now := _mark(database)) is None:
        return UNKNOWN
    if now == mark:
        return "inchangée"
    return counted(max(now - mark, 1), "ligne écrite", "lignes écrites") if database.counts_rows else "modifiée"
