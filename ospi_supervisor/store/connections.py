"""Connections to SQLite, and its errors in the administrator's words."""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from peewee import DatabaseError, OperationalError, SqliteDatabase

from ospi_supervisor.domain.command_line import command_line
from ospi_supervisor.errors import StateError

BUSY_TIMEOUT_SECONDS = 15
DAMAGED = (DatabaseError, sqlite3.DatabaseError)
"""What an error of SQLite's is, itself and not a kind of it, where the file is no database or a torn one."""


def connection_to(name: str, pragmas: Mapping[str, str | int]) -> SqliteDatabase:
    """A connection to the file, or `file:` address, of that name; not yet open."""
    return SqliteDatabase(
        name,
        pragmas=pragmas,
        timeout=BUSY_TIMEOUT_SECONDS,
        thread_safe=False,
        check_same_thread=False,
        autoconnect=False,
        uri=name.startswith("file:"),
    )


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """StateError that names the database at `path` where SQLite finds it damaged, or cannot get at it."""
    try:
        yield
    except (DatabaseError, sqlite3.DatabaseError) as error:
        if type(error) in DAMAGED:
            raise StateError(
                f"la base {path} est endommagée ({first(error)}) ; n'y touchez pas et contactez le support, avec"
                f" l'archive que réunit « {command_line('diagnostics FICHIER.zip')} »"
            ) from error
        if isinstance(error, OperationalError | sqlite3.OperationalError):
            advice = advice_on(error, "vérifiez ses droits et son disque")
            raise StateError(f"la base {path} ne peut pas être lue ({first(error)}) ; {advice}") from error
        raise


@contextmanager
def naming_writes(path: Path) -> Iterator[None]:
    """StateError that names the database at `path` where SQLite cannot write it."""
    try:
        yield
    except OperationalError as error:
        advice = advice_on(error, f"libérez de l'espace sur le disque qui porte {path.parent}")
        raise StateError(f"l'état du Superviseur ne peut pas être écrit ({first(error)}) ; {advice}") from error


def advice_on(error: BaseException, otherwise: str) -> str:
    """What to do about an error of SQLite's: a table or column that is not there is added by whoever writes it."""
    if str(first(error)).startswith(("no such ", "table ")):
        return "redémarrez les services web et de mise à jour, qui complètent leurs bases en les ouvrant"
    return otherwise


def first(error: BaseException) -> BaseException:
    """What began it: a full disk ends the transaction, and its rollback then fails in its turn."""
    while isinstance(error.__context__, DatabaseError | sqlite3.DatabaseError):
        error = error.__context__
    return error
