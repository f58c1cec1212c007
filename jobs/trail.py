"""The « traçabilité » and the soundness of `web.db`, for root's shell: through a hand of the account that owns it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ospi_supervisor.errors import StateError
from ospi_supervisor.hands.accounts import owner_of
from ospi_supervisor.hands.conversation import Hand, HandRefusedError, hand
from ospi_supervisor.hands.sandbox import View, program_with_libraries

PATIENCE_SECONDS = 60.0


@dataclass(frozen=True)
class Trail:
    """What root's shell writes to, and asks of, another account's `web_db`. StateError where that cannot be done."""

    web_db: Path

    def check(self) -> None:
        """Whether it can be written to."""
        with self._scribe() as scribe:
            list(scribe.ask("open", _nothing, PATIENCE_SECONDS))

    def record_action(self, action: str, *, by: str, at: datetime, detail: str, allowed: bool) -> None:
        """One line of the « traçabilité »."""
        said: dict[str, Any] = {"action": action, "by": by, "at": at.isoformat(), "detail": detail, "allowed": allowed}
        with self._scribe() as scribe:
            list(scribe.ask("record_action", _nothing, PATIENCE_SECONDS, **said))

    def integrity(self) -> list[str]:
        """What SQLite says of the database: `ok`, or what is wrong with it."""
        with self._scribe() as scribe:
            return [str(line) for line in scribe.ask("integrity", _nothing, PATIENCE_SECONDS)]

    @contextmanager
    def _scribe(self) -> Iterator[Hand]:
        try:
            owner = owner_of(self.web_db.parent)
            command = program_with_libraries("jobs.scribe", str(self.web_db), *owner.words)
            view = View(folders=[self.web_db.parent], capabilities=owner.capabilities, libraries=True)
            with hand(command, view) as scribe:
                yield scribe
        except HandRefusedError as error:
            raise StateError(str(error)) from error


def _nothing() -> None:
    """The shell looks at nothing else meanwhile."""
