"""`python -m benchmarks backup`: what a backup costs the users of a platform that goes on working, in one run.

A client asks the platform for pages, each of which reads a document and adds a row durably: first alone, then during
`backup create`, then during the same `tar` and `zstd` as anybody would start them, without yielding to others.
"""

import http.client
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from threading import Event, Thread

from benchmarks import site
from benchmarks.disk import fresh_disk
from tests.real_application.recipe import run_tool

ALONE_SECONDS = 20.0
PAUSE_SECONDS = 0.01
PERCENT = 100
MB = 1e6


def main(inputs: Path, trust: Path, installed: Path, image: Path) -> int:
    """Measure on a platform whose data is the tree `inputs`, and print the table."""
    with fresh_disk(image) as disk:
        (disk / "site").mkdir()
        with site.running(disk / "site", trust, installed) as server:
            data = server.root / "data"
            shutil.copytree(inputs, data / "documents", symlinks=True)
            size = sum(path.stat().st_size for path in data.rglob("*") if path.is_file() and not path.is_symlink())
            tool = ("ospi-supervisor", "--config", str(server.config), "backup", "create")
            rows = [
                ("rien", *_while(server, lambda: time.sleep(ALONE_SECONDS))),
                ("`backup create`", *_while(server, lambda: run_tool(*tool, timeout=1800))),
                ("`tar` et `zstd -T0`", *_while(server, lambda: _plain(data, disk / "plain.tar.zst"))),
            ]
    print(f"\nDonnées : {size / MB:.0f} Mo\n")
    print("| pendant | durée (s) | pages | médiane (ms) | 95 % (ms) | 99 % (ms) |\n|---|---|---|---|---|---|")
    for title, seconds, times in rows:
        cuts = quantiles(times, n=PERCENT)
        shown = (median(times), cuts[94], cuts[98])
        cells = " | ".join(f"{1000 * value:.1f}" for value in shown)
        print(f"| {title} | {seconds:.1f} | {len(times)} | {cells} |")
    return 0


def _while(server: site.Site, work: Callable[[], object]) -> tuple[float, list[float]]:
    """How long `work` took from a cold cache, and how long each page took meanwhile; seconds."""
    subprocess.run(["sync"], check=True)
    if os.geteuid() == 0:
        Path("/proc/sys/vm/drop_caches").write_text("3", encoding="ascii")
    with _pages(server.ports["front_port"]) as times:
        began = time.monotonic()
        work()
        return time.monotonic() - began, times


@contextmanager
def _pages(port: int) -> Iterator[list[float]]:
    """Ask for one page after another while the block runs; how long each took, in seconds."""
    times: list[float] = []
    over = Event()

    def ask() -> None:
        while not over.wait(PAUSE_SECONDS):
            began = time.monotonic()
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            connection.request("GET", f"/page/{len(times)}")
            if connection.getresponse().status != http.HTTPStatus.OK:
                raise RuntimeError("the platform does not answer")
            connection.close()
            times.append(time.monotonic() - began)

    thread = Thread(target=ask)
    thread.start()
    try:
        yield times
    finally:
        over.set()
        thread.join()


def _plain(folder: Path, to: Path) -> None:
    """What an administrator's own script would do."""
    command = f"tar --create --directory={folder} . | zstd --quiet -T0 -o {to}"
    subprocess.run(["sh", "-c", command], check=True)
    to.unlink()
