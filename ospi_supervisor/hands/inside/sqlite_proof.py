"""SQLite's own check of a database that may need what only its application registers: collations, functions.

What is unknown to us is not damaged. A stand-in takes its place, and what then depends on it (the order of an index,
a computed value) is left out of the check; every page, every tree and every other value is still read.
"""

import re
import sqlite3
from contextlib import closing
from urllib.parse import quote

UNKNOWN = re.compile(r"(?:no such (collation sequence|function)|unknown (function)): (.+?)(?:\(\))?$")
COMPUTED = re.compile(r"(NULL|NUMERIC|TEXT|non-\w+) value in ")
"""What the check says of a value that is not what its column promises: it may be one that a stand-in computed."""


def damage(database: str, *, thorough: bool) -> str | None:
    """What SQLite finds wrong in a file that nobody writes, in its words; None where all is well.

    Of its indexes too where `thorough` and where nothing is unknown. sqlite3.Error where it is no database.
    """
    uri = f"file:{quote(database)}?mode=ro&immutable=1"
    with closing(sqlite3.connect(uri, uri=True)) as connection:
        pragma = "integrity_check" if thorough else "quick_check"
        known: set[str] = set()
        while True:
            try:
                answers = [row[0] for row in connection.execute(f"PRAGMA {pragma}")]
            except sqlite3.OperationalError as error:
                unknown = UNKNOWN.match(str(error))
                if unknown is None or unknown[0] in known:
                    raise
                known.add(unknown[0])
                _stand_in(connection, unknown[3], is_function=unknown[1] != "collation sequence")
                connection.execute("PRAGMA ignore_check_constraints = ON")
                pragma = "quick_check"
            else:
                return next((answer for answer in answers if answer != "ok" and not (known and computed(answer))), None)


def computed(answer: str) -> bool:
    """Whether an answer of the check is about a value that a stand-in may have computed."""
    return COMPUTED.match(answer) is not None


def _stand_in(connection: sqlite3.Connection, name: str, *, is_function: bool) -> None:
    if is_function:
        connection.create_function(name, -1, lambda *_: None, deterministic=True)
    else:
        connection.create_collation(name, lambda one, other: (one > other) - (one < other))
