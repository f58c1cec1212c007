"""How an update ended, as a message to those whom the configuration names."""

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from typing import Any
from urllib.parse import urlsplit

from ospi_supervisor.config import Config
from ospi_supervisor.domain.lifecycle import Phase, UpdateStatus, rule_of
from ospi_supervisor.domain.words import OUTCOMES, STATUS_LABELS
from ospi_supervisor.errors import MailError
from ospi_supervisor.mail.server import MailServer
from ospi_supervisor.redaction import redactor_of
from ospi_supervisor.store.ends_store import EndsStore
from ospi_supervisor.store.engine_store import EngineStore

logger = logging.getLogger(__name__)

CALLS_FOR_SUPPORT = (UpdateStatus.ROLLED_BACK, UpdateStatus.FAILED, UpdateStatus.INTERVENTION)
TOO_LATE = "l'heure prévue était passée depuis trop longtemps"
"""Why an update is cancelled that nobody asked to cancel."""


@dataclass(frozen=True)
class Reports:
    """Tells each end of an update once. `update` gives one as `EngineReader` does."""

    config: Config
    engine: EngineStore
    ends: EndsStore
    update: Callable[[int], dict[str, Any] | None]
    clock: Callable[[], datetime]

    def tell(self) -> None:
        """Send a message for each end that was not told yet, where somebody is to be.

        An end counts as told before its message leaves: a crash may lose one, and never sends two. What cannot be sent
        is a line of the log and of the update's journal.
        """
        while (end := self.ends.claim(self.clock())) is not None:
            update = self.update(end.update_id)
            if update is not None and self.config.mail.smtp is not None and is_news(update, end.status):
                self._send(update, end.status)

    def _send(self, update: dict[str, Any], status: UpdateStatus) -> None:
        number = update["id"]
        try:
            MailServer(self.config.mail).send(message(self.config, update, status, self.clock()))
        except MailError as error:
            logger.warning("update %s: its end could not be told by mail: %s", number, error)
            words = f"La fin de la mise à jour n'a pas pu être annoncée par courriel : {str(error).rstrip('.')}."
            phase = Phase(update["failed_phase"] or Phase.CLEANUP)
            self.engine.add_event(number, "log", phase, self.clock(), {"level": "warning", "message": words})
        else:
            logger.info("update %s: its end was told by mail", number)


def is_news(update: Mapping[str, Any], status: UpdateStatus) -> bool:
    """Whether that end is told: not what a person has just cancelled, or has just been refused on the page."""
    if status is UpdateStatus.CANCELLED:
        return not update["cancel_requested"]
    if status is UpdateStatus.REFUSED:
        return update["source"] == "automatic" or update["start_at"] is not None
    return True


def message(config: Config, update: Mapping[str, Any], status: UpdateStatus, now: datetime) -> EmailMessage:
    """The message that tells that `update` (as `EngineReader.update` gives it) ended in `status`; without secrets."""
    sender = config.mail.sender or f"ospi-superviseur@{urlsplit(config.platform.public_url).hostname}"
    title = f"{config.platform.name}, mise à jour {update['to'] or 'n° ' + str(update['id'])} : {STATUS_LABELS[status]}"
    found = EmailMessage()
    found["From"] = sender
    found["To"] = ", ".join(config.mail.recipients)
    found["Subject"] = " ".join(title.split())
    found["Date"] = format_datetime(now)
    found["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2])
    found["Auto-Submitted"] = "auto-generated"  # no holiday greeting is to answer it
    found.set_content(redactor_of(config).clean("\n".join(_lines(config, update, status))))
    return found


def _lines(config: Config, update: Mapping[str, Any], status: UpdateStatus) -> Iterator[str]:
    outcome, support = OUTCOMES[status], config.support
    public = urlsplit(config.platform.public_url)
    supervisor = f"{public.scheme}://{public.netloc}{config.supervisor.url_prefix}"
    yield f"{outcome.title}\n"
    yield f"Plateforme : {config.platform.name}, {config.platform.public_url}"
    yield f"Mise à jour : n° {update['id']}, de {update['from']} vers {update['to'] or 'une version inconnue'}"
    yield f"Demandée par : {update['requested_by']}"
    yield f"Début : {_instant(update['started_at'])}"
    yield f"Fin : {_instant(update['ended_at'])}"
    if status is UpdateStatus.CANCELLED:
        yield f"Motif : {TOO_LATE}"
    elif update["failure"] and status is not UpdateStatus.SUCCEEDED:
        yield f"Motif : phase « {rule_of(Phase(update['failed_phase'])).title} », {update['failure']}"
    yield f"\n{outcome.platform}\n{outcome.to_do}"
    if status in CALLS_FOR_SUPPORT:
        yield f"Appelez le support : {support.phone}, {support.email}."
    yield f"\nLe détail : {supervisor}/mises-a-jour/suivi?update={update['id']}"
    yield "\nCe message est envoyé par Superviseur OSPI ; n'y répondez pas."


def _instant(text: str | None) -> str:
    return "–" if text is None else f"{datetime.fromisoformat(text).astimezone():%d/%m/%Y à %H:%M:%S}"
