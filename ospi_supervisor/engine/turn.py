"""The machine's turn: where several instances share a server, their updates come one after the other.

It spares the machine and its administrator, and no promise hangs on it: what users wait for never waits for it.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field

from ospi_supervisor.domain.events import Level
from ospi_supervisor.domain.lifecycle import rule_of
from ospi_supervisor.engine.record import Record
from ospi_supervisor.errors import BusyError

logger = logging.getLogger(__name__)


@dataclass
class Turn:
    """`take` holds what all instances take; BusyError while another has it. Nothing is taken where it was not given."""

    take: Callable[[], AbstractContextManager[None]] = nullcontext
    _told: set[int] = field(default_factory=set)

    @contextmanager
    def held(self, record: Record, *, cancelled: bool) -> Iterator[None]:
        """Hold it for the update of `record`; BusyError, told once in its journal, where that one is to wait.

        An update that was begun goes on without it from the page on, and on its way back: so does one that was
        cancelled, which only has to say so.
        """
        with ExitStack() as stack:
            try:
                stack.enter_context(self.take())
            except BusyError as error:
                if rule_of(record.standing).cancellable and record.failed_phase is None and not cancelled:
                    self._tell(record, error)
                    raise
                logger.warning("update %s goes on although %s", record.update_id, error)
            yield

    def _tell(self, record: Record, error: BusyError) -> None:
        if record.update_id not in self._told:
            self._told.add(record.update_id)
            record.journal(record.standing, Level.INFO, f"Cette mise à jour attend son tour : {error}.")
