"""`make bench`: an update's upload, verification and staging beside curl, nginx and tar, in one run.

Everything is real: the web process under waitress, the worker, nginx, tar; the figures are medians.
"""

import argparse
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from benchmarks import (
    backup,
    delta,
    hands,
    idle,
    lines,
    pages,
    performance,
    postgres,
    reference,
    scale,
    site,
    streams,
    way_back,
)
from benchmarks.client import Administrator, watching
from benchmarks.disk import fresh_disk
from benchmarks.processes import bytes_written, family_peak, peak_memory, processor_seconds
from benchmarks.reference import Reference
from benchmarks.tree import FULL, SMALL, make_trees
from tests.real_application.recipe import run_tool

CACHE = Path(__file__).parents[1] / ".cache" / "bench"
RESTARTS = 5
TINY = 40
"""Files of a release as small as the demonstration's."""
MB = 1e6


@dataclass(frozen=True)
class Inputs:
    """What is made once: both trees, the archive and the tarball of the second, the vendor's root metadata."""

    first: Path
    second: Path
    archive: Path
    tarball: Path
    trust: Path


@dataclass(frozen=True)
class Result:
    """One run: seconds and bytes."""

    reference: Reference
    upload: float
    install: float
    web_written: int
    worker_written: int
    web_peak: int
    worker_peak: int
    family_peak: int
    downtime: float
    restart: float
    processor: float
    whole: float

    @property
    def total(self) -> float:
        """Upload, verification and staging."""
        return self.upload + self.install


def prepare(files: int) -> Inputs:
    """The inputs for trees of so many files, from the cache where they are."""
    folder = CACHE / str(files)
    folder.mkdir(parents=True, exist_ok=True)
    first, second = make_trees(folder, files)
    keys, archive, tarball = folder / "keys", folder / "release.ospi", folder / "release.tar.zst"
    if not archive.exists():
        if not keys.exists():
            run_tool("ospi-release", "init", str(keys))
        notice = folder / "notice.pdf"
        notice.write_bytes(b"%PDF-1.4\n%%EOF\n")
        options = [f"--keys={keys}", f"--product={site.PRODUCT}", f"--version={site.NEW}", "--requires=>=1.0"]
        options += [f"--payload={second}", f"--notice={notice}", "-o", str(archive)]
        run_tool("ospi-release", "build", *options, timeout=1800)
    reference.pack(second, tarball)
    return Inputs(first, second, archive, tarball, keys / "root.json")


def run(inputs: Inputs, installed: Path, *, reference_first: bool) -> Result:
    """One update from the tree `installed`, and one reference, on a fresh disk."""
    with fresh_disk(CACHE / "disk.img") as disk:
        (disk / "site").mkdir()
        with site.running(disk / "site", inputs.trust, installed) as server:
            received = disk / "site/nginx/received"
            before = _reference(inputs, server, received, disk) if reference_first else None
            ours = _update(inputs, server)
            return Result(before or _reference(inputs, server, received, disk), *ours)


def _reference(inputs: Inputs, server: site.Site, received: Path, disk: Path) -> Reference:
    return reference.measure(inputs.tarball, server.ports["dav_port"], received, disk / "unpacked")


def _update(
    inputs: Inputs, server: site.Site
) -> tuple[float, float, int, int, int, int, int, float, float, float, float]:
    restart = median(_restart(server) for _ in range(RESTARTS))
    administrator = Administrator(server.base)
    written = bytes_written(server.web)
    begun = time.monotonic()
    location = administrator.upload(inputs.archive)
    upload = time.monotonic() - begun
    web_written = bytes_written(server.web) - written
    written, busy = bytes_written(server.worker), processor_seconds(server.web, server.worker)
    with family_peak(server.worker) as family, watching("127.0.0.1", server.ports["front_port"]) as watch:
        pressed = datetime.now(UTC)
        administrator.install(location)
        update = server.wait_for_end()
    install = (site.phase_end(update, "stage") - pressed).total_seconds()
    worker_written = bytes_written(server.worker) - written
    peaks = peak_memory(server.web), peak_memory(server.worker), family.together
    busy = processor_seconds(server.web, server.worker) - busy
    whole = (datetime.fromisoformat(str(update["ended_at"])) - pressed).total_seconds()
    return upload, install, web_written, worker_written, *peaks, watch.downtime(), restart, busy, whole


def _restart(server: site.Site) -> float:
    """How long clients miss the platform when its service is only stopped and started."""
    with watching("127.0.0.1", server.ports["front_port"]) as watch:
        time.sleep(0.2)
        server.control("stop")
        server.control("start")
        time.sleep(0.2)
    return watch.outage()


def report(title: str, goal: float, inputs: Inputs, results: list[Result]) -> None:
    """The medians of one case, as lines of a table."""

    def middle(values: Iterable[float]) -> float:
        return median(list(values))

    theirs = middle(result.reference.total for result in results)
    ours = middle(result.total for result in results)
    print(f"\n## {title} (médianes, essais : {len(results)})\n")
    print("| mesure | Superviseur | référence | rapport | but |\n|---|---|---|---|---|")
    sent = middle(result.reference.upload for result in results)
    print(f"| envoi (s) | {middle(r.upload for r in results):.2f} | {sent:.2f} | | |")
    unpacked = middle(result.reference.unpack for result in results)
    print(f"| vérification et préparation (s) | {middle(r.install for r in results):.2f} | {unpacked:.2f} | | |")
    ratio = middle(result.total / result.reference.total for result in results)
    print(f"| total (s) | {ours:.2f} | {theirs:.2f} | {ratio:.2f} | ≤ {goal} |")
    size = inputs.archive.stat().st_size
    written = middle(result.web_written for result in results)
    print(f"| octets écrits par le web (Mo) | {written / MB:.0f} | {size / MB:.0f} | {written / size:.2f} | 1 |")
    print(f"| octets écrits par le worker (Mo) | {middle(r.worker_written for r in results) / MB:.0f} | | | |")
    print(f"| mémoire du web, pointe (Mo) | {max(r.web_peak for r in results) / MB:.0f} | | | ≤ 80 |")
    print(f"| mémoire du worker, pointe (Mo) | {max(r.worker_peak for r in results) / MB:.0f} | | | ≤ 300 |")
    print(f"| mémoire du worker et de ses enfants (Mo) | {max(r.family_peak for r in results) / MB:.0f} | | | ≤ 300 |")
    down, restart = (middle(getattr(r, name) for r in results) for name in ("downtime", "restart"))
    print(f"| interruption vue (s) | {down:.2f} | {restart:.2f} | + {down - restart:.2f} s | ≤ + 1 s |", flush=True)


def _idle(seconds: float) -> int:
    """A server with a small release, left alone."""
    inputs = prepare(TINY)
    with fresh_disk(CACHE / "disk.img") as disk:
        (disk / "site").mkdir()
        with site.running(disk / "site", inputs.trust, inputs.first) as server:
            return idle.say(idle.measure(server, seconds))


WHAT = (
    "update",
    "backup",
    "delta",
    "scale",
    "postgres",
    "way-back",
    "pages",
    "lines",
    "streams",
    "hands",
    "idle",
    "all",
)


def main() -> int:
    """Run every case and print its table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--small", action="store_true", help="a tree of 4,000 files, one run: a quick look")
    parser.add_argument("--files", type=int, help="a tree of so many files")
    parser.add_argument("--long-file", type=int, metavar="MB", help="of row 11 (4,400, or 300 with --small)")
    parser.add_argument("--runs", type=int, help="runs of each case (3, or 1 with --small)")
    parser.add_argument("--seconds", type=float, default=idle.IDLE_SECONDS, help="of `idle`: for how long (600)")
    parser.add_argument("what", nargs="?", choices=WHAT, default="update", help="what is measured")
    options = parser.parse_args()
    others = {"delta": delta.main, "scale": scale.main, "postgres": postgres.main, "way-back": way_back.main}
    others |= {"pages": pages.main, "lines": lines.main, "streams": streams.main}
    others |= {"hands": lambda: hands.main(options.runs or hands.PAIRS)}
    if options.what in others:
        return others[options.what]()
    inputs = prepare(options.files or (SMALL if options.small else FULL))
    runs = options.runs or (1 if options.small else 5 if options.what == "all" else 3)
    other = CACHE / "other"
    other.mkdir(exist_ok=True)
    (other / "LISEZMOI").write_text("Une version qui n'a rien de commun avec la suivante.\n", encoding="utf-8")
    if options.what == "all":
        history = pages.History(200, 20_000) if options.small else pages.MANY
        long_file = options.long_file or (300 if options.small else 4400)
        return performance.main(
            performance.Session(inputs, prepare(TINY), other, CACHE / "disk.img", runs, long_file, history, run)
        )
    if options.what == "idle":
        return _idle(options.seconds)
    if options.what == "backup":
        return backup.main(inputs.first, inputs.trust, other, CACHE / "disk.img")
    for title, goal, installed in (
        ("Version entière", 1.2, other),
        ("4 % des fichiers changés", 0.6, inputs.first),
    ):
        results = [run(inputs, installed, reference_first=number % 2 == 0) for number in range(runs)]
        report(title, goal, inputs, results)
    return 0


if __name__ == "__main__":
    sys.exit(main())
