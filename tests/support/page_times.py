"""How long users miss a platform: as it is foretold once the update was rehearsed, and as it was."""

import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from ospi_supervisor.domain.lifecycle import Phase
from ospi_supervisor.domain.progress import seconds_of_page
from ospi_supervisor.store.database import sqlite_url
from ospi_supervisor.store.engine_reader import EngineReader

CLOSE_SECONDS, CLOSE_SHARE = 2.0, 0.25
"""What may lie between both: so many seconds, or so much of what it was."""


@dataclass(frozen=True)
class PageTime:
    """One update, in seconds."""

    said: float
    page: float
    migrated: float

    @property
    def is_close(self) -> bool:
        """Whether what was said is what was."""
        return abs(self.said - self.page) <= max(CLOSE_SECONDS, CLOSE_SHARE * self.page)


def page_time(engine_db: Path, command: list[str]) -> PageTime:
    """Import by `command`, which waits for the end of the next update."""
    reader = EngineReader(sqlite_url(engine_db))
    try:
        number = max((update["id"] for update in reader.updates(1)), default=0) + 1
        with subprocess.Popen(command) as importing:
            said = _said(reader, number, importing)
        assert importing.returncode == 0
        times = reader.phase_times([number])[number]
    finally:
        reader.close()
    begun, ended = times[Phase.MIGRATE]
    page = times[Phase.REOPEN][1] - times[Phase.MAINTENANCE][0]
    found = PageTime(said, page.total_seconds(), (ended - begun).total_seconds())
    print(f"{found.said:.1f} s said, {found.page:.1f} s of page, {found.migrated:.1f} s of migration")  # noqa: T201
    return found


def _said(reader: EngineReader, number: int, importing: "subprocess.Popen[bytes]") -> float:
    """What is said once the update was rehearsed, before it is over."""
    while importing.poll() is None:
        verdict = reader.rehearsal(number)
        if verdict is not None and verdict.steps:
            left = seconds_of_page(Phase.MAINTENANCE, reader.expected(number).__getitem__)
            assert left is not None, verdict
            return left
        time.sleep(0.1)
    raise AssertionError("it was not rehearsed")
