"""Brings an existing database to this program's format: a copy put aside first, then all of it or nothing."""

import os
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from peewee import PeeweeException

from ospi_supervisor.errors import StateError
from ospi_supervisor.store.connections import connection_to, first
from ospi_supervisor.store.formats import Format, number
from ospi_supervisor.system.files import UNFINISHED, fsync_dir, give_to_owner_of_folder


def upgrade(path: Path, wanted: Format) -> None:
    """Do in one transaction all that the database at `path` lacks. A kill leaves it as it was, or done.

    The copy of what it was lies beside it as `NAME.format-N`, whose N is the format that it had. StateError where it
    is newer, or this cannot be done: it is then as it was.
    """
    database = connection_to(str(path), {"synchronous": "full"})  # without foreign keys: tables are made anew
    try:
        with closing(database):
            database.connect()
            with database.atomic("IMMEDIATE"):  # whoever opens it in the same instant waits, and finds it done
                pending = wanted.pending(database, path)
                if database.get_tables() and (pending or not wanted.is_whole(database)):
                    _put_aside(path, number(pending) if pending else wanted.number)
                wanted.complete(database, path)
    except (PeeweeException, sqlite3.Error, OSError) as error:
        raise StateError(
            f"la base {path} n'a pas pu être amenée au format de cette version ({first(error)}) et reste comme elle"
            " était ; vérifiez l'espace et les droits du disque qui la porte, puis recommencez"
        ) from error


def _put_aside(path: Path, format_number: int) -> None:
    copy = path.with_name(f"{path.name}.format-{format_number}")
    for unfinished in path.parent.glob(f".{path.name}.format-*"):  # of one that was killed: the lock is ours alone
        unfinished.unlink()
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{copy.name}.", suffix=UNFINISHED)
    with os.fdopen(descriptor, "r+b") as file:
        os.fchmod(file.fileno(), path.stat().st_mode & 0o777)
        _copy(path, temporary)
        os.fsync(file.fileno())
    give_to_owner_of_folder(Path(temporary))
    for former in path.parent.glob(f"{path.name}.format-*"):
        if former != copy:
            former.unlink()
    os.replace(temporary, copy)  # noqa: PTH105 - `temporary` is mkstemp's string
    fsync_dir(path.parent)


def _copy(path: Path, target: str) -> None:
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(target)) as copy:
        copy.execute("PRAGMA journal_mode=off")
        copy.execute("PRAGMA synchronous=off")  # synced once, at its end
        source.backup(copy)
