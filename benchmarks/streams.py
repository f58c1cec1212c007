"""`python -m benchmarks streams`: how many tabs of Suivi are served at once, and what pages cost meanwhile.

One real web process; as many streams as it gives; then pages of Suivi in turn, an event that all wait for, what the
process spends while nothing happens, and its memory.
"""

import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import psutil
import requests

from demo.prepare import free_port
from ospi_supervisor.domain.lifecycle import Phase
from ospi_supervisor.domain.words import number
from tests.support.site import Site, answering_platform, make_archives
from tests.support.web_process import WebProcess, web_process

ASKED_STREAMS, PAGES, IDLE_SECONDS = 220, 60, 20.0
GOAL_STREAMS, GOAL_PAGE_MS, GOAL_MEMORY_MB, GOAL_IDLE_PERCENT = 200, 50, 80, 0.5
MB = 1e6


@dataclass(frozen=True)
class Streams:
    """What was measured: milliseconds, bytes, percent of a core."""

    served: int
    polled: bool
    page_p95: float
    page_alone_p95: float
    event_median: float
    event_slowest: float
    idle_percent: float
    memory: int


def measure(pages: int = PAGES, idle_seconds: float = IDLE_SECONDS) -> Streams:
    """Open streams until none is given, and measure."""
    with tempfile.TemporaryDirectory(prefix="ospi-streams-") as name, ExitStack() as stack:
        folder, port = Path(name), free_port()
        archives, platform = make_archives(folder), stack.enter_context(answering_platform(folder))
        site = Site(folder / "site", platform, archives.root, port=port)
        stack.callback(site.close)
        update = site.update()
        web = stack.enter_context(web_process(site, port))
        session = web.session()
        address = f"{web.url}/api/updates/{update}/events"
        alone = _pages(session, web, pages)
        streams = _open(session, address)
        busy = _pages(session, web, pages)
        polled = session.get(address, headers={"Accept": "application/json"}, timeout=60)
        process = psutil.Process(web.pid)
        before = sum(process.cpu_times()[:2])
        time.sleep(idle_seconds)
        idle = 100 * (sum(process.cpu_times()[:2]) - before) / idle_seconds
        delays = _event(site, update, streams)
        memory = process.memory_info().rss
        for stream in streams:
            stream.close()
        slowest = max(delays, default=0.0)
        return Streams(len(streams), polled.ok, busy, alone, statistics.median(delays), slowest, idle, memory)


def _open(session: requests.Session, address: str) -> list[requests.Response]:
    """As many streams as are given, each of which has said what happened so far."""
    streams = []
    for _ in range(ASKED_STREAMS):
        answer = requests.get(
            address, cookies=session.cookies, headers={"Accept": "text/event-stream"}, stream=True, timeout=60
        )
        if not answer.ok:
            answer.close()
            break
        streams.append(answer)
    return streams


def _pages(session: requests.Session, web: WebProcess, count: int) -> float:
    """In how many milliseconds 95 of 100 pages of Suivi come."""
    times = []
    for _ in range(count + 1):
        begun = time.perf_counter()
        session.get(f"{web.url}/mises-a-jour/suivi", timeout=60).raise_for_status()
        times.append(1000 * (time.perf_counter() - begun))
    return statistics.quantiles(times[1:], n=20)[-1]


def _event(site: Site, update: int, streams: list[requests.Response]) -> list[float]:
    """In how many milliseconds each stream told of one event."""
    begun, delays = time.perf_counter(), []
    site.event(update, "log", Phase.VERIFY, level="info", message="pour tous les onglets")
    for stream in streams:
        for line in stream.iter_lines(chunk_size=1):
            if b"pour tous les onglets" in line:
                break
        delays.append(1000 * (time.perf_counter() - begun))
    return delays


def report(found: Streams) -> str:
    """The table, in Markdown."""
    rows = [
        ("flux servis à la fois", f"{found.served}", f"≥ {GOAL_STREAMS}"),
        ("au-delà, l'interrogation en JSON", "répond" if found.polled else "refusée", "répond"),
        ("Suivi, 95 % des pages (ms)", number(found.page_p95), f"≤ {GOAL_PAGE_MS}"),
        ("la même sans flux (ms)", number(found.page_alone_p95), ""),
        (
            "un événement arrive chez la moitié, chez tous (ms)",
            f"{found.event_median:.0f}, {found.event_slowest:.0f}",
            "",
        ),
        ("processeur quand rien n'arrive (% d'un cœur)", number(round(found.idle_percent, 2)), ""),
        ("mémoire du processus web (Mo)", f"{found.memory / MB:.0f}", f"≤ {GOAL_MEMORY_MB}"),
    ]
    return "\n".join(["| mesure | valeur | but |", "|---|---|---|", *(f"| {' | '.join(row)} |" for row in rows)])


def main() -> int:
    """Measure and print the table."""
    sys.stdout.write(report(measure()) + "\n")
    return 0
