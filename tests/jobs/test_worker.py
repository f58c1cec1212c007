"""The worker as a real process: rung, stopped, killed, started twice."""

import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ospi_supervisor.domain.lifecycle import Phase, PhaseStatus, UpdateStatus
from ospi_supervisor.jobs.queue import Queue
from ospi_supervisor.store.database import sqlite_url
from ospi_supervisor.store.web_store import WebStore
from tests.support.engine import Bench, close_databases, now

PATIENCE_SECONDS = 180
UPLOAD = "0123abcd"


class Site:
    """A state folder, the web's side of it, and the workers started on it."""

    def __init__(self, folder: Path) -> None:
        self.bench = Bench(folder)
        self.web = WebStore(sqlite_url(self.bench.paths.web_db))
        self.queue = Queue(self.bench.paths.queue_db)
        self.workers: list[subprocess.Popen[str]] = []
        self.bench.paths.uploads_dir.mkdir(parents=True, exist_ok=True)
        (self.bench.paths.uploads_dir / UPLOAD).touch()

    def start(self, *faults: str) -> subprocess.Popen[str]:
        log = (self.bench.folder / "worker.log").open("a")
        command = [sys.executable, "-m", "tests.support.worker", str(self.bench.folder), *faults]
        worker = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, text=True)
        log.close()
        self.workers.append(worker)
        return worker

    def ask(self, kind: str = "import", *, ring: bool = True, **payload: object) -> int:
        values = {"upload_id": UPLOAD, "notice_read_at": now().isoformat()} if kind == "import" else {}
        number = self.web.add_request(kind, values | payload, source="import", by="alice", now=now())
        if ring:
            self.queue.ring(number)
        return number

    def wait(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            assert time.monotonic() < deadline, (self.bench.folder / "worker.log").read_text()
            time.sleep(0.05)

    def wait_for(self, status: UpdateStatus, update_id: int = 1) -> None:
        self.wait(lambda: self._status(update_id) is status)

    def wait_for_call(self, line: str) -> None:
        self.wait(lambda: line in self.bench.traced())

    def _status(self, update_id: int) -> UpdateStatus | None:
        document = self.bench.reader().update(update_id)
        return UpdateStatus(document["status"]) if document else None


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path)
    yield site
    for worker in site.workers:
        worker.kill()
        worker.wait()
    site.web.close()
    close_databases()


def test_a_rung_worker_judges_and_runs_at_once(site: Site) -> None:
    site.start()
    site.wait(lambda: site.bench.reader().worker_alive(now()))
    site.ask()
    site.wait_for(UpdateStatus.SUCCEEDED)
    assert site.bench.effects() == set(Phase) - {Phase.VALIDATE}


def test_a_request_whose_bell_was_lost_is_found(site: Site) -> None:
    """Promise: the queue is only a doorbell (a kill -9 loses the task that it was about)."""
    number = site.ask(ring=False)
    site.start()
    site.wait(lambda: site.bench.reader().answer(number) is not None)
    site.wait_for(UpdateStatus.SUCCEEDED)
    site.wait(lambda: "report_ends" in site.bench.traced())
    assert "keep_house" in site.bench.traced()


def test_requests_that_cannot_be_read_stop_nothing_else(site: Site) -> None:
    site.web.add_request("import", {}, source="web", by="admin", now=now())
    with sqlite3.connect(site.bench.paths.web_db) as database:
        database.execute("UPDATE request SET payload = '{'")
    database.close()
    site.start()
    site.wait(lambda: "keep_house" in site.bench.traced())


def test_a_cancellation_is_judged_while_the_update_runs(site: Site) -> None:
    site.start("do stage=hang")
    site.ask()
    site.wait_for_call("do stage")
    site.ask("cancel", update_id=1)
    site.wait_for(UpdateStatus.CANCELLED)


def test_a_killed_workers_update_is_taken_up_by_the_next_one(site: Site) -> None:
    worker = site.start("do migrate=hang")
    site.ask()
    site.wait_for_call("do migrate")
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    site.start()
    site.wait_for(UpdateStatus.ROLLED_BACK)
    trace = site.bench.traced()
    assert "sweep" in trace[trace.index("do migrate") : trace.index("before_recovery True")]
    assert site.bench.effects() == set()


@pytest.mark.parametrize("spoilt", ["web_db", "queue_db"])
def test_an_update_is_taken_up_though_the_other_accounts_files_cannot_be_opened(site: Site, spoilt: str) -> None:
    worker = site.start("do migrate=hang")
    site.ask()
    site.wait_for_call("do migrate")
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    site.web.close()
    path: Path = getattr(site.bench.paths, spoilt)
    for file in path.parent.glob(f"{path.name}*"):
        file.unlink()
    path.write_bytes(b"not a database" * 100)
    worker = site.start()
    site.wait_for(UpdateStatus.ROLLED_BACK)
    site.wait(lambda: "keep_house" in site.bench.traced())
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(PATIENCE_SECONDS) == 0


def test_sigterm_in_an_early_phase_leaves_the_update_to_the_next_worker(site: Site) -> None:
    worker = site.start("do backup=hang")
    site.ask()
    site.wait_for_call("do backup")
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(PATIENCE_SECONDS) == 0
    assert site.bench.status() is UpdateStatus.RUNNING
    assert site.bench.phase_statuses()[Phase.BACKUP] is PhaseStatus.PENDING
    site.start()
    site.wait_for(UpdateStatus.SUCCEEDED)


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_in_a_late_phase_waits_for_the_updates_end(site: Site, ending: signal.Signals) -> None:
    worker = site.start("do migrate=linger")
    site.ask()
    site.wait_for_call("do migrate")
    worker.send_signal(ending)
    assert worker.wait(PATIENCE_SECONDS) == 0
    assert site.bench.status() is UpdateStatus.SUCCEEDED


def test_sigterm_while_recovering_is_obeyed_too(site: Site) -> None:
    worker = site.start("do backup=hang")
    site.ask()
    site.wait_for_call("do backup")
    worker.kill()
    worker.wait()
    again = site.start("do backup=hang")
    site.wait(lambda: site.bench.traced().count("do backup") == 2)
    again.send_signal(signal.SIGTERM)
    assert again.wait(PATIENCE_SECONDS) == 0
    assert site.bench.status() is UpdateStatus.RUNNING


def test_a_second_worker_refuses_to_run(site: Site) -> None:
    site.start()
    site.wait(lambda: site.bench.reader().worker_alive(now()))
    second = site.start()
    assert second.wait(PATIENCE_SECONDS) == 1
    assert "un service de mise à jour tourne déjà" in (site.bench.folder / "worker.log").read_text()
    site.ask()
    site.wait_for(UpdateStatus.SUCCEEDED)


def test_a_request_that_breaks_the_desk_keeps_nobody_waiting(site: Site) -> None:
    site.ask(ring=False, start_at="0001-01-01T00:00:00+14:00")
    site.ask(ring=False)
    site.start()
    site.wait_for(UpdateStatus.SUCCEEDED)
