"""A real worker process over the bench's marking phases: `python -m tests.support.worker FOLDER [POINT=FAULT…]`."""

import sys
import time
from collections.abc import Callable
from pathlib import Path

from ospi_supervisor.engine.desk import Desk
from ospi_supervisor.engine.lock import exclusive
from ospi_supervisor.errors import BusyError
from ospi_supervisor.jobs.worker import Worker, log_to_stdout
from ospi_supervisor.phases.base import Run
from ospi_supervisor.store.automatic_store import AutomaticStore
from ospi_supervisor.store.database import sqlite_url
from ospi_supervisor.store.web_rows import RequestRow
from ospi_supervisor.store.web_store import WebStore
from tests.support.engine import OLD, PRODUCT, Bench, Fault, fail, now

LONG_SECONDS = 60
SHORT_SECONDS = 2


def hang(run: Run) -> None:
    """Long work that asks whether to stop, as phases do."""
    deadline = time.monotonic() + LONG_SECONDS
    while time.monotonic() < deadline:
        run.check()
        time.sleep(0.02)


def linger(_run: Run) -> None:
    """Work of a few seconds that cannot be stopped."""
    time.sleep(SHORT_SECONDS)


FAULTS: dict[str, Fault] = {"hang": hang, "linger": linger, "fail": fail}


Judge = Callable[[RequestRow], None]


def make_worker(
    bench: Bench, faults: dict[str, Fault], judge_at: Callable[[Desk], Judge] = lambda desk: desk.judge
) -> Worker:
    """As `bootstrap` does it; `judge_at` may put something before the desk."""
    engine = bench.engine(faults)
    change = AutomaticStore(engine.store).change_setting
    unlocking = bench.unlocking(engine.store)
    uploads = bench.paths.uploads_dir
    desk = Desk(engine.store, PRODUCT, uploads, lambda: OLD, now, unlocking, change, lambda: True)
    worker = Worker(
        queue_path=bench.paths.queue_db,
        store=engine.store,
        open_web=lambda: WebStore(sqlite_url(bench.paths.web_db)),
        judge=judge_at(desk),
        run_due=engine.run_due,
        update_itself=lambda: bench.trace("update_itself"),
        keep_house=lambda: bench.trace("keep_house"),
        report_ends=lambda: bench.trace("report_ends"),
        only_one=exclusive(bench.paths.engine_dir / "worker.lock", "un service de mise à jour tourne déjà"),
        clock=now,
    )
    engine.stopping = worker.is_stopping
    return worker


def main(folder: str, *faults: str) -> None:
    log_to_stdout()
    named = dict(fault.split("=") for fault in faults)
    try:
        make_worker(Bench(Path(folder)), {point: FAULTS[name] for point, name in named.items()}).run()
    except BusyError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main(*sys.argv[1:])
