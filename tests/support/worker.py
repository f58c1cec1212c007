"""A real worker process over the bench's marking phases: `python -m tests.support.worker FOLDER [POINT=FAULT…]`."""

import sys
import time
from collections.abc import Callable
from pathlib import Path

from ospi_supervisor.engine.requests import Requests
from ospi_supervisor.errors import BusyError
from ospi_supervisor.jobs.door import Door
from ospi_supervisor.jobs.worker import Worker
from ospi_supervisor.phases.base import Run
from ospi_supervisor.store.automatic_store import AutomaticStore
from ospi_supervisor.store.web_rows import RequestRow
from ospi_supervisor.system.journal import log_to_stdout
from ospi_supervisor.system.lock import exclusive
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


Answer = Callable[[RequestRow], None]


def make_worker(
    bench: Bench, faults: dict[str, Fault], answer_at: Callable[[Requests], Answer] = lambda requests: requests.answer
) -> Worker:
    """As `bootstrap` does it; `answer_at` may put something before the requests."""
    engine = bench.engine(faults)
    change = AutomaticStore(engine.store).change_setting
    unlocking = bench.unlocking(engine.store)
    uploads = bench.paths.uploads_dir
    requests = Requests(engine.store, PRODUCT, uploads, lambda: OLD, now, unlocking, change, lambda: True)
    worker = Worker(
        store=engine.store,
        door=Door(bench.paths.queue_db, bench.paths.web_db),
        answer=answer_at(requests),
        run_due=engine.run_due,
        update_itself=lambda: bench.trace("update_itself"),
        keep_house=lambda: bench.trace("keep_house"),
        report_ends=lambda: bench.trace("report_ends"),
        only_one=exclusive(bench.paths.engine_dir / "worker.lock", "un service de mise à jour tourne déjà"),
        clock=now,
        sweep=lambda: bench.trace("sweep"),
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
