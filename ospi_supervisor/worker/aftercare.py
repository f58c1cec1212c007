"""The time after an update that succeeded: the health check goes on, and a platform that stops answering is told of.

Nothing is ever brought back by itself: users have written since, and only people know what that is worth.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ospi_supervisor.config.tables import Config
from ospi_supervisor.domain.events import EventKind, Level
from ospi_supervisor.domain.lifecycle import Phase
from ospi_supervisor.errors import MailError, PlatformError
from ospi_supervisor.platform.health import Health
from ospi_supervisor.store.engine_documents import UpdateSummary
from ospi_supervisor.store.engine_reader import EngineReader
from ospi_supervisor.store.engine_store import EngineStore
from ospi_supervisor.store.published import PublishedStore
from ospi_supervisor.store.topics import AFTERCARE, AftercareDocument
from ospi_supervisor.worker.mail_server import MailServer
from ospi_supervisor.worker.notifications import FOOT, letter

logger = logging.getLogger(__name__)

LOOKS_BEFORE_ALARM = 3
"""So many looks in a row, a minute apart, find it silent before anybody is woken."""


@dataclass
class Aftercare:
    """Looks once a minute for `validation.watch_minutes` after a success, and for as long as an alarm stands."""

    config: Config
    engine: EngineStore
    reader: EngineReader
    health: Health
    installed: Callable[[], str]
    clock: Callable[[], datetime]
    _silent_looks: int = field(default=0, init=False)

    def look(self) -> None:
        """One look, where one is due; StateError where what was found cannot be written."""
        update, alarm = next(iter(self.reader.succeeded(1)), None), self._alarm()
        if update is None or not self._is_due(update, alarm):
            self._silent_looks = 0
            return
        trouble = self._trouble()
        self._silent_looks = self._silent_looks + 1 if trouble else 0
        if trouble is None and alarm is not None:
            self._end(update)
        elif trouble is not None and alarm is None and self._silent_looks >= LOOKS_BEFORE_ALARM:
            self._raise_alarm(update, trouble)

    def _trouble(self) -> str | None:
        try:
            return self.health.check(self.installed()).error
        except PlatformError as error:
            return str(error)

    def _is_due(self, update: UpdateSummary, alarm: AftercareDocument | None) -> bool:
        """Not while something else is at work on the platform, or somebody has put the page up by hand."""
        if self.reader.running_update() is not None or self.config.maintenance.flag.exists():
            return False
        if alarm is not None:
            return True
        ended = datetime.fromisoformat(update["ended_at"] or update["queued_at"])
        return self.clock() - ended < timedelta(minutes=self.config.validation.watch_minutes)

    def _alarm(self) -> AftercareDocument | None:
        found = self.reader.published(AFTERCARE)
        return found[1] if found and found[1].trouble else None

    def _raise_alarm(self, update: UpdateSummary, trouble: str) -> None:
        now = self.clock()
        document = AftercareDocument(update=update["id"], version=update["to"] or "", trouble=trouble, since=now)
        words = f"La plateforme ne répond plus, alors que la mise à jour avait réussi : {trouble}."
        self._tell(document, Level.ERROR, words)
        self._mail(
            update,
            "la plateforme ne répond plus",
            f"{words}\n\nRien n'est ramené de soi-même à l'ancienne version : ce qui a été saisi depuis serait perdu."
            " Regardez les services de la plateforme et leurs journaux, ou appelez le support"
            f" ({self.config.support.phone}, {self.config.support.email}).",
        )

    def _end(self, update: UpdateSummary) -> None:
        document = AftercareDocument(update=update["id"], version=update["to"] or "", trouble=None, since=self.clock())
        words = "La plateforme répond de nouveau."
        self._tell(document, Level.INFO, words)
        self._mail(update, "la plateforme répond de nouveau", words)

    def _tell(self, document: AftercareDocument, level: Level, words: str) -> None:
        with self.engine.transaction():
            PublishedStore(self.engine).publish(AFTERCARE, document, self.clock())
            self.engine.add_event(
                document.update, EventKind.LOG, Phase.CLEANUP, self.clock(), {"level": level.value, "message": words}
            )
        logger.warning("update %s: %s", document.update, words)

    def _mail(self, update: UpdateSummary, title: str, text: str) -> None:
        if self.config.mail.smtp is None:
            return
        subject = f"{self.config.platform.name}, mise à jour {update['to']} : {title}"
        address = f"{self.config.supervisor_address}/mises-a-jour/suivi?update={update['id']}"
        try:
            body = f"{text}\n\nLe détail : {address}\n\n{FOOT}"
            MailServer(self.config.mail).send(letter(self.config, subject, body, self.clock()))
        except MailError as error:
            logger.warning("update %s: the alarm could not be told by mail: %s", update["id"], error)
