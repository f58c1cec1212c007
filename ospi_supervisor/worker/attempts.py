"""What the night tried last, and whether anything has changed since."""

import os
import re
import stat
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from ospi_supervisor.domain.attempts import Attempt, Conditions, is_in_vain
from ospi_supervisor.domain.lifecycle import Phase, UpdateStatus
from ospi_supervisor.domain.manifest import OWN_PRODUCT
from ospi_supervisor.domain.versions import is_same
from ospi_supervisor.errors import RefusedError
from ospi_supervisor.store.engine_documents import UpdateDocument
from ospi_supervisor.store.engine_reader import EngineReader
from ospi_supervisor.store.published import PublishedStore
from ospi_supervisor.store.topics import Topic

LOOKED_THROUGH = 50
"""How many updates back it is looked for what was sent back."""

_PATHS = re.compile(r"/[^\s»,;()\"']+")


class _Noted(msgspec.Struct, frozen=True):
    """An attempt as it is kept, and the update that it became."""

    update: int
    attempt: Attempt


ATTEMPT = Topic("automatic_attempt", _Noted)
OWN_ATTEMPT = Topic("automatic_attempt_own", _Noted)
"""The last attempt to update the platform, and this very program."""


@dataclass(frozen=True)
class Attempts:
    """`conditions` looks at the machine."""

    published: PublishedStore
    reader: EngineReader
    conditions: Callable[[], Conditions]
    clock: Callable[[], datetime]

    def prepare(self, archive: str, installed: str) -> Attempt:
        """The attempt to install the archive of that sha256 on that release, under the conditions of now."""
        return Attempt(archive=archive, installed=installed, conditions=self.conditions())

    def check_worth_trying(self, product: str, attempt: Attempt) -> None:
        """RefusedError where the same was tried before, and nothing has changed since."""
        noted = self._noted(product)
        former = None if noted is None else self.reader.update(noted.update)
        if noted is None or former is None:
            return
        touched = _is_touched(former)
        if is_in_vain(noted.attempt, UpdateStatus(former["status"]), attempt, touched=touched):
            raise RefusedError(
                f"cette archive a déjà été essayée (mise à jour n° {noted.update}), et rien n'a changé depuis :"
                f" {former['failure']} ; corrigez, ou lancez-la vous-même",
                code="in_vain",
            )

    def check_not_sent_back(self, product: str, version: str) -> None:
        """RefusedError where somebody validated that version and it was not opened: only a person takes it again."""
        for update in self.reader.updates(LOOKED_THROUGH):
            sent_back = update["status"] == UpdateStatus.ROLLED_BACK and update["failed_phase"] == Phase.VALIDATE
            same = update["product"] == product and update["to"] is not None and is_same(update["to"], version)
            if sent_back and same:
                raise RefusedError(
                    f"la version {version} n'a pas été ouverte après sa validation (mise à jour n° {update['id']}) :"
                    f" {update['failure']} ; importez-la vous-même",
                    code="sent_back",
                )

    def note(self, product: str, update_id: int, attempt: Attempt) -> None:
        """The attempt became that update."""
        self.published.publish(_topic(product), _Noted(update_id, attempt), self.clock())

    def _noted(self, product: str) -> _Noted | None:
        found = self.reader.published(_topic(product))
        return None if found is None else found[1]


def _topic(product: str) -> Topic[_Noted]:
    return OWN_ATTEMPT if product == OWN_PRODUCT else ATTEMPT


def _is_touched(update: UpdateDocument) -> bool:
    """Whether a file that the update's failure names was changed since it ended. Folders change every day."""
    ended = datetime.fromisoformat(update["ended_at"]) if update["ended_at"] else None
    return ended is not None and any(
        _changed_at(path) > ended for path in _PATHS.findall(update["failure"] or "") if _is_file(path)
    )


def _is_file(path: str) -> bool:
    return os.path.lexists(path) and not stat.S_ISDIR(os.lstat(path).st_mode)


def _changed_at(path: str) -> datetime:
    return datetime.fromtimestamp(os.lstat(path).st_ctime, UTC)
