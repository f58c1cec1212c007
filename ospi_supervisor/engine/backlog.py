"""What is to be written of the update under way: at once where it must be, else as soon as the disk allows."""

import logging
import time
from collections.abc import Callable

from ospi_supervisor.engine.reserve import Reserve
from ospi_supervisor.errors import StateError
from ospi_supervisor.store.engine_store import EngineStore

logger = logging.getLogger(__name__)

Step = Callable[[], None]
"""Something to write, in a transaction of its own or with others, in their order."""

BLOCKED_SECONDS = 1.0
"""A disk that refused is not asked again for what can wait, for so long."""


class Backlog:
    """Steps in their order, until they are on disk."""

    def __init__(self, store: EngineStore, reserve: Reserve) -> None:
        self._store = store
        self._reserve = reserve
        self._steps: list[Step] = []
        self._blocked_until = 0.0

    def write(self, step: Step, *, required: bool) -> None:
        """Write `step` after all that waits. StateError where it is `required` and cannot be written; else it waits."""
        self._steps.append(step)
        if not required and time.monotonic() < self._blocked_until:
            return
        try:
            self._write()
        except Exception as error:
            if required or not isinstance(error, StateError):
                self._steps.remove(step)
                raise
            logger.error("%s", error)

    def flush(self) -> bool:
        """Write what could not be written yet; whether everything now is."""
        try:
            self._write()
        except StateError as error:
            logger.error("%s", error)
            return False
        return True

    def _write(self) -> None:
        try:
            self._write_all()
        except StateError:
            self._blocked_until = time.monotonic() + BLOCKED_SECONDS
            if not self._reserve.give_up():
                raise
            self._write_all()
        self._blocked_until = 0.0

    def _write_all(self) -> None:
        with self._store.transaction():
            for step in self._steps:
                step()
        self._steps.clear()
