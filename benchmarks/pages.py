"""`python -m benchmarks pages`: a server that was updated ten thousand times, beside one that was updated once.

Two real web processes, one engine each: one update with 1,000 events, and 10,000 with 1,000,000, half of them the
latest's. They are asked in turn, by one client; medians, and the median of the pairs' ratios.
"""

import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from demo.prepare import free_port
from ospi_supervisor.domain.lifecycle import Phase, PhaseStatus, UpdateStatus
from ospi_supervisor.domain.words import number
from ospi_supervisor.store.engine_models import Event, PhaseRecord, Update, VersionLock
from tests.support.site import Site, answering_platform, make_archives
from tests.support.web_process import web_process

ADDRESSES = {
    "tableau de bord": "",
    "Suivi": "mises-a-jour/suivi",
    "Historique": "mises-a-jour/historique",
    "`api/updates`": "api/updates",
    "`api/updates/ID`": "api/updates/{latest}",
    "`api/status`": "api/status",
    "`historique.csv`, premier octet": "mises-a-jour/historique.csv",
}
ASKED = 31
GOAL_RATIO, GOAL_MS = 1.5, 50
BEGIN = datetime(2010, 1, 1, tzinfo=UTC)
BATCH = 50_000


@dataclass(frozen=True)
class History:
    """How much an engine's database holds."""

    updates: int
    events: int


ONE, MANY = History(1, 1_000), History(10_000, 1_000_000)


def fill(site: Site, history: History) -> None:
    """Updates one after the other, most of which succeeded; the last one's hooks said as much as all before it."""
    with site.engine.transaction() as database:
        for table, rows in (
            (Update, _updates(history.updates)),
            (PhaseRecord, _phases(history.updates)),
            (VersionLock, _locks(history.updates)),
            (Event, _events(history)),
        ):
            while batch := [row for row, _ in zip(rows, range(BATCH), strict=False)]:
                names = ", ".join(batch[0])
                marks = ", ".join("?" for _ in batch[0])
                statement = f'INSERT INTO "{table._meta.table_name}" ({names}) VALUES ({marks})'  # noqa: S608 - ours
                connection: sqlite3.Connection = database.connection()  # type: ignore[no-untyped-call]
                connection.executemany(statement, [tuple(row.values()) for row in batch])


def _status(update: int, last: int) -> UpdateStatus:
    return UpdateStatus.ROLLED_BACK if update % 20 == 0 and update != last else UpdateStatus.SUCCEEDED


def _at(update: int, seconds: float = 0.0) -> str:
    return (BEGIN + timedelta(hours=update, seconds=seconds)).isoformat()


def _updates(count: int) -> Iterator[dict[str, object]]:
    for update in range(1, count + 1):
        yield {
            "id": update,
            "status": _status(update, count).value,
            "product": "portail-bi",
            "from_version": f"11.5.{update - 1}",
            "to_version": f"11.5.{update}",
            "source": "automatic",
            "requested_by": "ospi-superviseur",
            "archive": "/archive.ospi",
            "queued_at": _at(update),
            "started_at": _at(update),
            "ended_at": _at(update, 600),
            "cancel_requested": 0,
            "attempts": 0,
        }


def _phases(count: int) -> Iterator[dict[str, object]]:
    for update in range(1, count + 1):
        for position, phase in enumerate(Phase, 1):
            yield {
                "update_id": update,
                "name": phase.value,
                "position": position,
                "status": PhaseStatus.DONE.value,
                "percent": 100.0,
                "started_at": _at(update, 40 * position),
                "ended_at": _at(update, 40 * position + 39),
                "facts": "{}",
            }


def _locks(count: int) -> Iterator[dict[str, object]]:
    for update in range(1, count + 1):
        if _status(update, count) is UpdateStatus.ROLLED_BACK:
            yield {
                "product": "portail-bi",
                "version": f"11.5.{update}",
                "update_id": update,
                "nonce": f"{update:020}",
                "locked_at": _at(update, 600),
                "released_at": _at(update, 900),
                "released_by": "support",
            }


def _events(history: History) -> Iterator[dict[str, object]]:
    each = history.events // 2 // history.updates
    latest = history.events - each * (history.updates - 1)
    for update in range(1, history.updates + 1):
        for said in range(latest if update == history.updates else each):
            at = _at(update, said / 1000)
            yield {
                "update_id": update,
                "at": at,
                "kind": "log",
                "phase": Phase.MIGRATE.value,
                "level": "output" if said % 5 else "info",
                "data": f'{{"at": "{at}", "phase": "migrate", "level": "output", "message": "ligne {said}"}}',
            }


@contextmanager
def serving(folder: Path, platform: str, root: Path, history: History) -> Iterator[Callable[[str], float]]:
    """A web process over such a history; what asks it for an address, and says in how many milliseconds it answered."""
    folder.mkdir()
    port = free_port()
    site = Site(folder, platform, root, port=port)
    with ExitStack() as stack:
        stack.callback(site.close)
        fill(site, history)
        web = stack.enter_context(web_process(site, port))
        session = web.session()

        def ask(address: str) -> float:
            begun = time.perf_counter()
            with session.get(f"{web.url}/{address.format(latest=history.updates)}", stream=True, timeout=60) as answer:
                answer.raise_for_status()
                next(answer.iter_content(1 if "csv" in address else None))
                taken = time.perf_counter() - begun
                for _ in answer.iter_content(1 << 20):
                    continue
            return 1000 * taken

        yield ask


def measure(one: Callable[[str], float], many: Callable[[str], float], address: str) -> tuple[float, float, float]:
    """The median of each, in milliseconds, and of what pairs give."""
    pairs = [(one(address), many(address)) for _ in range(ASKED + 1)][1:]
    ratio = statistics.median(large / small for small, large in pairs)
    return statistics.median(small for small, _ in pairs), statistics.median(large for _, large in pairs), ratio


def report(rows: dict[str, tuple[float, float, float]], many: History = MANY) -> str:
    """The table, in Markdown."""
    head = f"| page | {ONE.updates} mise à jour (ms) | {many.updates} mises à jour (ms) | rapport | but |"
    goal = f"≤ {number(GOAL_RATIO)}, ≤ {GOAL_MS} ms"
    lines = [
        f"| {name} | {number(one)} | {number(many)} | {f'{ratio:.2f}'.replace('.', ',')} | {goal} |"
        for name, (one, many, ratio) in rows.items()
    ]
    return "\n".join([head, "|---|---|---|---|---|", *lines])


def measured(stack: ExitStack, history: History = MANY) -> dict[str, tuple[float, float, float]]:
    """What `measure` finds of every page; `stack` ends the servers."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ospi-pages-")))
    archives = make_archives(folder)
    platform = stack.enter_context(answering_platform(folder))
    one, many = (
        stack.enter_context(serving(folder / title, platform, archives.root, length))
        for title, length in (("one", ONE), ("many", history))
    )
    return {title: measure(one, many, address) for title, address in ADDRESSES.items()}


def main() -> int:
    """Measure every page and print the table."""
    with ExitStack() as stack:
        sys.stdout.write(report(measured(stack)) + "\n")
    return 0
