"""Never two at once, never one failed version twice: whatever is started, by whom, when, and whoever dies meanwhile.

Real databases, a real web process asked over HTTP, the real command line, a real worker. Only its phases are not
those of a platform: they prove the archive, note what they do, and fail where the version says so.
"""

import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count, groupby
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ospi_supervisor.domain.lifecycle import UpdateStatus
from ospi_supervisor.domain.requests import RunAutomaticUpdate, Source
from ospi_supervisor.jobs.queue import Queue
from tests.support import archives
from tests.support.engine import close_databases
from tests.support.site import Site, answering_platform, now
from tests.support.starts import StartsBench, is_bad
from tests.support.system import free_port, wait_until
from tests.support.web_process import WebProcess, web_process

PATHS = ("web", "shell", "automatic")
STARTS = st.lists(st.tuples(st.sampled_from(PATHS), st.sampled_from(["good", "bad"])), max_size=3)
STEPS = st.lists(st.tuples(STARTS, st.sampled_from(["settle", "go on", "kill", "unlock"])), min_size=1, max_size=4)
Steps = list[tuple[list[tuple[str, str]], str]]


@dataclass
class Arena:
    """One server for all examples; each takes versions of its own, the bad ones with an odd number."""

    site: Site
    bench: StartsBench
    web: WebProcess
    keys: Path
    numbers: Iterator[int] = field(default_factory=lambda: count(0, 2))
    worker: subprocess.Popen[bytes] | None = None
    released: list[str] = field(default_factory=list)

    def archives(self) -> dict[str, list[Path]]:
        """A good version and a bad one, never seen before; each in two archives, signed apart."""
        number = next(self.numbers)
        folder = self.site.folder / "archives"
        tree = archives.make_tree(folder / "tree")
        return {
            kind: [
                archives.build_archive(
                    folder / f"{version}-{copy}.ospi",
                    self.keys,
                    tree,
                    version=version,
                    notice=archives.NOTICE + copy.encode(),
                )
                for copy in ("a", "b")
            ]
            for kind, version in (("good", f"11.6.{number}"), ("bad", f"11.6.{number + 1}"))
        }

    def start(self, path: str, archive: Path) -> None:
        """Ask for an installation; being refused is an answer, too."""
        if path == "web":
            self._start_by_web(archive)
        elif path == "automatic":
            self._start_by_itself(archive)
        else:
            program = str(Path(sys.executable).with_name("ospi-supervisor"))
            command = [program, "--config", str(self.site.config_path), "import", str(archive), "--notice-read"]
            subprocess.run(command, capture_output=True, timeout=60, check=False)

    def _start_by_web(self, archive: Path) -> None:
        form = {"notice_read": "1"}
        with self.web.session() as session, archive.open("rb") as file:
            address = f"{self.web.url}/mises-a-jour/import"
            answer = session.post(address, data=form, files={"archive": file}, timeout=60, allow_redirects=False)
            assert answer.status_code < 500, answer.text

    def _start_by_itself(self, archive: Path) -> None:
        """The automatic update's request; the worker of these tests finds in it the archive that it would fetch."""
        number = self.site.operations.web.add_request(
            RunAutomaticUpdate.kind, {"archive": str(archive)}, source="shell", by="admin", now=now()
        )
        Queue(self.site.config.paths.queue_db).ring(number)

    def start_worker(self) -> None:
        root = str(self.keys / "root.json")
        with (self.site.folder / "worker.log").open("ab") as log:
            command = [sys.executable, "-m", "tests.support.starts", str(self.site.folder), root]
            self.worker = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)

    def end_worker(self, number: signal.Signals) -> None:
        assert self.worker is not None
        self.worker.send_signal(number)
        self.worker.wait(30)

    def settle(self) -> None:
        """Wait until every request is judged and nothing runs."""

        def is_idle() -> bool:
            reader = self.site.operations.reader
            requests_made = self.site.operations.web.requests_after(0)
            return all(reader.answer(request.id) for request in requests_made) and reader.active_update() is None

        wait_until(is_idle, "the worker's rest")

    def unlock(self) -> None:
        """The support releases the version that failed last, where one is locked."""
        if locks := self.site.operations.reader.locks():
            self.released.append(locks[-1]["version"])
            self.site.operations.request_unlock(self.bench.code(), by="admin", source=Source.SHELL)
            self.settle()

    def run(self, steps: Steps) -> list[str]:
        """Play the steps and check; the version of each update that began to stage."""
        chosen = self.archives()
        before = len(self.traced())
        for starts, then in steps:
            with ThreadPoolExecutor(max_workers=4) as pool:
                asked = [
                    pool.submit(self.start, path, chosen[kind][position % 2])
                    for position, (path, kind) in enumerate(starts)
                ]
                if then == "kill":
                    self.end_worker(signal.SIGKILL)
                    self.start_worker()
            for future in asked:
                future.result()
            if then in ("settle", "unlock"):
                self.settle()
            if then == "unlock":
                self.unlock()
        self.settle()
        lines = self.traced()[before:]
        self.check(lines)
        staged = {(update, version) for phase, update, version in lines if phase == "stage"}
        return [version for _, version in staged]

    def traced(self) -> list[list[str]]:
        """Each phase that was done, its update and its version."""
        lines = [line.split() for line in self.bench.traced()]
        return [words for words in lines if len(words) == 3]

    def check(self, lines: list[list[str]]) -> None:
        """The promise, over the phases of one example."""
        in_turn = [update for update, _ in groupby(update for _, update, _ in lines)]
        assert len(in_turn) == len(set(in_turn)), "two updates at once"
        statuses = {str(update["id"]): update["status"] for update in self.site.operations.reader.updates(100)}
        begun: set[str] = set()
        failures: Counter[str] = Counter()
        for phase, update, version in lines:
            if phase != "stage" or update in begun:  # done again after a kill, it is the same beginning
                continue
            begun.add(update)
            assert failures[version] <= self.released.count(version), f"{version} was begun after it failed"
            failures[version] += statuses[update] == UpdateStatus.ROLLED_BACK
            # A good version is rolled back, too, where the worker was killed behind the maintenance page.
            succeeded = statuses[update] == UpdateStatus.SUCCEEDED and not is_bad(version)
            assert succeeded or statuses[update] == UpdateStatus.ROLLED_BACK


@pytest.fixture(scope="module")
def arena(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    folder = tmp_path_factory.mktemp("arena")
    keys = archives.make_keys(folder)
    port = free_port()
    with answering_platform(folder / "health") as url:
        site = Site(folder / "site", url, keys / "root.json", port=port)
        with web_process(site, port) as web:
            bench = StartsBench(site.folder, root=keys / "root.json")
            arena = Arena(site, bench, web, keys)
            arena.start_worker()
            yield arena
            arena.end_worker(signal.SIGTERM)
        close_databases()
        site.close()


def test_many_starts_at_once_then_again_then_released(arena: Arena) -> None:
    everybody = [("web", "bad"), ("shell", "bad"), ("automatic", "bad"), ("shell", "bad")]
    begun = arena.run(
        [(everybody, "settle"), (everybody, "unlock"), ([("automatic", "bad")], "settle"), ([("web", "bad")], "settle")]
    )
    assert len(begun) == 2
    assert len(set(begun)) == 1


def test_a_good_version_is_installed_by_every_path(arena: Arena) -> None:
    for path in PATHS:
        assert len(arena.run([([(path, "good")], "settle")])) == 1


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=STEPS)
def test_no_sequence_runs_two_at_once_or_a_failed_version_twice(arena: Arena, steps: Steps) -> None:
    arena.run(steps)
