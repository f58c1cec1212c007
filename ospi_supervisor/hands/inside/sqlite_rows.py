"""How many rows each table of a SQLite database has, which nobody writes: argument, its file.

Prints one JSON object: the rows by table; or, in `damaged`, the table that cannot be read to its end, and why. What
only the application's own extensions can read (virtual tables) is left out.
"""

import json
import sqlite3
import sys
from contextlib import closing
from urllib.parse import quote

TABLES = (
    "SELECT name, sql FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite~_%' ESCAPE '~' ORDER BY name"
)


def main() -> None:
    """Count, by reading every table itself and none of its indexes."""
    try:
        answer: dict[str, object] = {"rows": _rows(sys.argv[1])}
    except _DamagedError as error:
        answer = {"damaged": error.args}
    sys.stdout.write(json.dumps(answer))


class _DamagedError(Exception):
    """A table, and what SQLite says of it."""


def _rows(database: str) -> dict[str, int]:
    found, name = {}, ""
    uri = f"file:{quote(database)}?mode=ro&immutable=1"
    try:
        with closing(sqlite3.connect(uri, uri=True)) as connection:
            for name, sql in connection.execute(TABLES).fetchall():
                if not str(sql).upper().startswith("CREATE VIRTUAL"):
                    quoted = name.replace('"', '""')
                    ask = f'SELECT count(*) FROM "{quoted}" NOT INDEXED'  # noqa: S608 - quoted
                    (found[name],) = connection.execute(ask).fetchone()
    except sqlite3.DatabaseError as error:
        raise _DamagedError(name, str(error)) from error
    return found
