"""What the web process tidies up behind itself: the worker, which has more rights, removes nothing that it lists."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

from ospi_supervisor.operations import Operations
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
    while True:
        try:
            operations.uploads.expire(now())
            operations.web.forget_refusals(REFUSALS_KEPT)
        except Exception:
            logger.exception("housekeeping failed; the next minute tries again")
        if ends.wait(INTERVAL_SECONDS):
            return
