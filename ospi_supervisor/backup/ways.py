"""Which ways back each database has: its dump, loaded whole to see, and a copy in its server."""

from collections.abc import Callable, Sequence
from pathlib import Path

from ospi_supervisor.backup.databases import Database
from ospi_supervisor.backup.inventory import DatabaseDump
from ospi_supervisor.backup.meter import nothing
from ospi_supervisor.errors import BackupError


def unloadable(
    folder: Path, databases: Sequence[tuple[Database, DatabaseDump]], check: Callable[[], None]
) -> dict[str, str]:
    """The databases whose dump in the snapshot `folder` does not load, rows and all, and why, in words."""
    found = {}
    for database, dump in databases:
        try:
            database.load(folder / dump.path, check)
        except BackupError as error:
            found[database.name] = str(error)
    return found


def without_copy(databases: Sequence[Database], check: Callable[[], None]) -> dict[str, str]:
    """The databases that a checkpoint has to dump, and why, in words. BackupError: one cannot be asked."""
    found = {database.name: database.way_back(check) for database in databases}
    return {name: why for name, why in found.items() if why is not None}


def forget_copies(databases: Sequence[Database]) -> None:
    """Remove from their servers what a checkpoint left there. BackupError, once all is tried."""
    problems = []
    for database in databases:
        try:
            database.forget(nothing)
        except BackupError as error:
            problems.append(str(error))
    if problems:
        raise BackupError(" ; ".join(problems))
