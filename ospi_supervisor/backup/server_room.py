"""How much room a PostgreSQL server has left: it has no statement for that, so it is looked for on this machine."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from ospi_supervisor.backup.psql import Client
from ospi_supervisor.system.files import open_regular

PROGRAMS = ("postgres", "postmaster")
LOCK = "postmaster.pid"
"""In the folder that a server works in: its number, its folder, when it started, its port, each on a line."""
LOCK_BYTES = 4096
STARTED_SECONDS = 5
"""The server writes this file just before it notes when it started."""
WHO = "SELECT extract(epoch FROM pg_postmaster_start_time())::bigint, current_setting('port');"
PLACES = """SELECT DISTINCT pg_tablespace_location(place) FROM (
    SELECT dattablespace AS place FROM pg_database WHERE datname = current_database()
    UNION SELECT reltablespace FROM pg_class WHERE reltablespace <> 0) AS places;
"""


SIZE = "SELECT pg_database_size(current_database());"
SLACK = 1.2
"""For the log that the server writes, and what others write meanwhile."""


def has_room(client: Client, tick: Callable[[], None]) -> bool:
    """Whether another database of this one's size can be made beside it; True where nobody can tell. BackupError."""
    (size,), (who,), places = client.ask_each((SIZE, WHO, PLACES), tick)
    free = free_bytes(who, places)
    return free is None or free >= SLACK * int(size)


def free_bytes(who: str, places: Sequence[str]) -> int | None:
    """The bytes free where the database has its files of which the server answered so to `WHO` and to `PLACES`; of
    several places, the fewest. None where the server is not on this machine.
    """
    started, port = who.split("|")
    for process in _servers():
        with suppress(OSError):  # a session's process, which is over, or one that is none of ours
            if _is(process, int(started), port):
                return min(_free(f"{process}/root{place}" if place else f"{process}/cwd") for place in places or [""])
    return None


def _servers() -> Iterator[str]:
    for process in psutil.process_iter(["name"]):
        if process.info["name"] in PROGRAMS:
            yield f"/proc/{process.pid}"


def _is(process: str, started: int, port: str) -> bool:
    """Whether `process` belongs to the server of that port that started then. Raises OSError."""
    with open_regular(Path(process, "cwd", LOCK)) as file:
        lines = file.read(LOCK_BYTES).decode("ascii", "replace").splitlines()
    return lines[3:4] == [port] and lines[2].isdigit() and abs(int(lines[2]) - started) <= STARTED_SECONDS


def _free(place: str) -> int:
    facts = os.statvfs(place)
    return facts.f_bavail * facts.f_frsize
