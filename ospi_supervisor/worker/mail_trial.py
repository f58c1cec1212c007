"""« Envoyer un courriel d'essai »: before an update ends, one sees that its end will be told."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ospi_supervisor.config.tables import Config
from ospi_supervisor.errors import RefusedError, SupervisorError
from ospi_supervisor.store.engine_store import EngineStore
from ospi_supervisor.store.web_rows import RequestRow
from ospi_supervisor.worker.mail_server import MailServer
from ospi_supervisor.worker.notifications import FOOT, letter

logger = logging.getLogger(__name__)

APART = timedelta(seconds=30)
"""Between two of them: whoever holds the web account does not flood anybody's mailbox."""

REQUEST_LIFETIME = timedelta(minutes=15)
"""A request that waited for longer (the worker was down) is of no use to anybody."""


@dataclass
class MailTrial:
    """Sends a message to those whom `[mail]` names, one at a time."""

    config: Config
    engine: EngineStore
    clock: Callable[[], datetime]
    _mutex: threading.Lock = field(default_factory=threading.Lock)
    _sent_at: datetime | None = None

    def answer(self, request: RequestRow) -> None:
        """Send it and answer, unless that was done: the mail server's own words are the answer where it refuses."""
        with self._mutex:
            if self.engine.is_answered(request.id):
                return
            try:
                self._send(request)
            except SupervisorError as error:
                self.engine.answer(request.id, accepted=False, message=str(error), now=self.clock())
            else:
                self.engine.answer(request.id, accepted=True, now=self.clock())

    def _send(self, request: RequestRow) -> None:
        config, now = self.config, self.clock()
        if config.mail.smtp is None:
            raise RefusedError("aucun serveur de messagerie n'est configuré ; remplissez la table [mail]")
        if now - request.requested_at > REQUEST_LIFETIME:
            raise RefusedError("cette demande a trop attendu ; refaites-la")
        if self._sent_at is not None and abs(now - self._sent_at) < APART:
            raise RefusedError("un courriel d'essai vient d'être envoyé ; attendez une demi-minute")
        self._sent_at = now
        text = (
            "Ceci est un essai, demandé dans Superviseur OSPI : aucune mise à jour n'est en cause.\n\n"
            f"Plateforme : {config.platform.name}, {config.platform.public_url}\n"
            "Vous recevrez de cette adresse les messages sur les mises à jour et les sauvegardes.\n"
            f"\n{FOOT}"
        )
        MailServer(config.mail).send(letter(config, f"{config.platform.name}, essai du courriel", text, now))
        logger.info("a test mail was sent")
