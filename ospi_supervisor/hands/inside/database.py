"""The hand that opens a SQLite file, as the account that owns it. Arguments: how many bytes it may write into one
file, and that account's user and groups."""

import base64
import os
import resource
import sqlite3
import stat
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote

from ospi_supervisor.hands.inside.account import become
from ospi_supervisor.hands.inside.answers import Command, RefusedError, alive, serve
from ospi_supervisor.hands.inside.changes import attribute_names, copied
from ospi_supervisor.hands.inside.sqlite_proof import damage

MOST_MEMORY = 1 << 29
"""A database's own expressions may ask for any amount of it."""
PAGES_A_STEP = 1024
BUSY_SECONDS = 60.0


def main() -> None:
    """Become that account, for good; then answer."""
    most, user, *groups = map(int, sys.argv[1:])
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    become(user, groups)
    serve({"check": check, "dump": dump, "copy": copy, "prove": prove})


def check(command: Command, _: BinaryIO) -> Iterator[Any]:
    """Whether the file at `path` is a SQLite database that can be read."""
    _refuse_foreign(command)
    with _refusing(), closing(_connect(command["path"])) as connection:
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    yield None


def dump(command: Command, _: BinaryIO) -> Iterator[Any]:
    """Write one consistent state of the file at `path`, taken while others read and write, to the empty file `to`; then
    that file's facts, in an array.

    The read transaction keeps that state in sight: without it each writer would make the copy begin again.
    """
    _refuse_foreign(command)
    with _refusing(), closing(_connect(command["path"])) as source:
        source.execute("BEGIN")
        source.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        with closing(sqlite3.connect(command["to"], isolation_level=None)) as target:
            target.execute("PRAGMA synchronous = OFF")
            target.execute("PRAGMA journal_mode = OFF")  # nothing can be made beside a file that is lent
            source.backup(target, pages=PAGES_A_STEP, progress=lambda *_: alive())
        source.execute("ROLLBACK")
        yield [_facts(command["path"])]


def copy(command: Command, _: BinaryIO) -> Iterator[Any]:
    """Write the bytes of the file at `path` to the empty file `to`; then that file's facts, in an array."""
    _refuse_foreign(command)
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
    with (
        open(command["path"], "rb", opener=lambda path, _: os.open(path, flags)) as source,
        Path(command["to"]).open("wb") as target,
    ):
        for _step in copied(source, target):
            alive()
    yield [_facts(command["path"])]


def prove(command: Command, _: BinaryIO) -> Iterator[Any]:
    """What SQLite finds wrong in the file at `path`, which nobody writes; nothing where all is well."""
    with _refusing():
        found = damage(command["path"], thorough=command["thorough"])
    if found is not None:
        yield found


def _connect(path: str) -> sqlite3.Connection:
    """Never creates the database: one that is missing is an error."""
    return sqlite3.connect(f"file:{quote(path)}?mode=rw", uri=True, isolation_level=None, timeout=BUSY_SECONDS)


def _refuse_foreign(command: Command) -> None:
    """Nothing is obeyed that another account, or root, wrote: it was put there for us to act upon."""
    facts = os.lstat(command["path"])
    if not stat.S_ISREG(facts.st_mode):
        raise RefusedError("ce n'est pas un fichier")
    if command["owner"] is not None and facts.st_uid != command["owner"]:
        raise RefusedError(
            f"ce fichier est au compte {facts.st_uid}, et non au compte {command['owner']} que la configuration en"
            " fait le propriétaire ; rendez-le-lui (chown), ou nommez son compte (platform.databases.account)"
        )


@contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise RefusedError(str(error)) from error
    except MemoryError as error:
        raise RefusedError("elle demande plus de mémoire que son contrôle n'en a") from error


def _facts(path: str) -> Command:
    """The database's file: where it is, its owner, mode and attributes (ACLs are among them)."""
    facts = os.lstat(path)
    attributes = {name: base64.b64encode(os.getxattr(path, name)).decode() for name in attribute_names(path)}
    return {
        "path": path,
        "mode": stat.S_IMODE(facts.st_mode),
        "uid": facts.st_uid,
        "gid": facts.st_gid,
        "attributes": attributes,
    }
