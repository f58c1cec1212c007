"""What the web process tidies up behind itself: the worker, which has more rights, removes nothing that it lists."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

from ospi_supervisor.operations.requests import Operations
from ospi_supervisor.system.journal import Repeated
from ospi_supervisor.web.context import now

REFUSALS_KEPT = 10_000
"""How many refusals of each kind the « traçabilité » keeps: some megabytes at most."""

INTERVAL_SECONDS = 60.0

logger = logging.getLogger(__name__)


@contextmanager
def housekeeping(operations: Operations) -> Iterator[None]:
    """Until the end of the block, remove each minute uploads whose time is over and the oldest refusals."""
    ends = Event()
    thread = Thread(target=_keep_house, args=[operations, ends], name="housekeeping", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ends.set()
        thread.join(5)


def _keep_house(operations: Operations, ends: Event) -> None:
    repeated = Repeated(logger)
    while True:
        try:
            operations.uploads.expire(now(), operations.imports.in_use())
            operations.web.forget_refusals(REFUSALS_KEPT)
        except Exception as error:  # noqa: BLE001 - told, and tried again
            repeated.failed("housekeeping", error)
        else:
            repeated.worked("housekeeping")
        if ends.wait(INTERVAL_SECONDS):
            return
