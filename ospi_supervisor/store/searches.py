"""What a reader looks for in a list: words, a span of time, a kind; asked of the database."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any

from ospi_supervisor.domain.lifecycle import UpdateStatus
from ospi_supervisor.store.engine_models import Update
from ospi_supervisor.store.web_models import Audit

WORDS_MAX = 5
"""Words beyond are not looked for: each costs the database a look at every row."""


@dataclass(frozen=True, kw_only=True)
class Search:
    """`words`, each found in one of a row's texts, whatever its case; from `since` on and before `until`."""

    words: str = ""
    since: datetime | None = None
    until: datetime | None = None

    def _common(self, instant: Any, texts: Sequence[Any]) -> list[Any]:
        found = [reduce(or_, [text.contains(word) for text in texts]) for word in self.words.split()[:WORDS_MAX]]
        if self.since is not None:
            found.append(instant >= self.since)
        if self.until is not None:
            found.append(instant < self.until)
        return found


@dataclass(frozen=True, kw_only=True)
class UpdateSearch(Search):
    """Updates by their versions, who asked, what failed, when they were asked for, and their `status`."""

    status: UpdateStatus | None = None

    def conditions(self) -> list[Any]:
        """What a row of `Update` must fulfil."""
        texts = (Update.from_version, Update.to_version, Update.requested_by, Update.failure)
        by_status = [] if self.status is None else [Update.status == self.status]
        return by_status + self._common(Update.queued_at, texts)


@dataclass(frozen=True, kw_only=True)
class AuditSearch(Search):
    """Lines of the « traçabilité » by account, action, detail and address; those `allowed`, or refused, or both."""

    allowed: bool | None = None

    def conditions(self) -> list[Any]:
        """What a row of `Audit` must fulfil."""
        texts = (Audit.actor, Audit.action, Audit.detail, Audit.address)
        by_kind = [] if self.allowed is None else [Audit.allowed == self.allowed]
        return by_kind + self._common(Audit.at, texts)
