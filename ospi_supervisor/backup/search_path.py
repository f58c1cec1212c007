"""A PostgreSQL dump that is loaded back under the search path under which its rows came to be.

pg_dump has pg_restore set an empty one. What the rows call when they are loaded (a generated column, a constraint or an
index, through a function whose body names tables or functions without their schema) is then not found, and the dump
does not load. The entry SEARCHPATH of its table of contents holds the statement; whoever restores the dump by hand has
the benefit too.
"""

import os
from pathlib import Path

CONTENTS = "toc.dat"
EMPTY = b"SELECT pg_catalog.set_config('search_path', '', false);\n"
WRITING = b"SET default_transaction_read_only = off;\n"
ASK = "SELECT quote_literal(current_setting('search_path'));"
"""The answer is a literal: its bytes are those of the statement below, in the encoding of the dump's texts."""


def keep(dump: Path, literal: str) -> None:
    """Have the directory dump `dump` loaded under the search path `literal`, quoted as the server quotes it.

    And by a session that may write: a database, or its role, may be set to read only (`default_transaction_read_only`).

    One of a program that says nothing of the search path is left as it is. Raises OSError.
    """
    contents = dump / CONTENTS
    data = contents.read_bytes()
    if data.count(_entry(EMPTY)) == 1:
        statement = EMPTY.replace(b"''", os.fsencode(literal), 1)
        contents.write_bytes(data.replace(_entry(EMPTY), _entry(WRITING + statement)))


def _entry(text: bytes) -> bytes:
    """A text as the archive holds it: sign, length in four bytes, bytes (`WriteStr` of pg_backup_archiver.c)."""
    return b"\0" + len(text).to_bytes(4, "little") + text
