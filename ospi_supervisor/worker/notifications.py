"""How an update ended, as a message to those whom the configuration names."""

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from typing import Any
from urllib.parse import urlsplit

from ospi_supervisor.config.redaction import redactor_of
from ospi_supervisor.config.tables import Config
from ospi_supervisor.domain.events import EventKind, Level
from ospi_supervisor.domain.lifecycle import Phase, PhaseStatus, UpdateStatus, rule_of
from ospi_supervisor.domain.manifest import SEVERITY_LABELS, Severity
from ospi_supervisor.domain.requests import Source
from ospi_supervisor.domain.situation import Facts, situate
from ospi_supervisor.domain.situation_terms import Action
from ospi_supervisor.domain.typography import typeset
from ospi_supervisor.domain.words import STATUS_LABELS
from ospi_supervisor.errors import MailError, on_one_line, printable
from ospi_supervisor.store.engine_documents import UpdateDocument
from ospi_supervisor.store.engine_store import EngineStore
from ospi_supervisor.store.notifications import NotificationStore
from ospi_supervisor.worker.mail_server import MailServer

logger = logging.getLogger(__name__)

UNKNOWN_REASON = "personne ne l'a demandé ; le journal dit pourquoi"
"""Of an update that was cancelled by a version of this program that did not keep why."""

AWAITED_LABELS = {UpdateStatus.RUNNING: "à valider", UpdateStatus.PREPARED: "heure à choisir"}
"""What an update that has not ended awaits of somebody, where that is told."""

FOOT = "Ce message est envoyé par Superviseur OSPI ; n'y répondez pas."


@dataclass(frozen=True)
class Notifications:
    """Tells each end of an update once. `update` gives one as `EngineReader` does."""

    config: Config
    engine: EngineStore
    ends: NotificationStore
    update: Callable[[int], UpdateDocument | None]
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

    def _send(self, update: UpdateDocument, status: UpdateStatus) -> None:
        number = update["id"]
        try:
            security = security_words(self._release(number))
            MailServer(self.config.mail).send(message(self.config, update, status, self.clock(), security))
        except MailError as error:
            logger.warning("update %s: its end could not be told by mail: %s", number, error)
            words = f"La fin de la mise à jour n'a pas pu être annoncée par courriel : {str(error).rstrip('.')}."
            phase = Phase(update["failed_phase"] or Phase.CLEANUP)
            self.engine.add_event(
                number, EventKind.LOG, phase, self.clock(), {"level": Level.WARNING.value, "message": words}
            )
        else:
            logger.info("update %s: its end was told by mail", number)

    def _release(self, number: int) -> Mapping[str, Any]:
        """What the release says of itself, as `verify` recorded it; nothing where it was never verified."""
        stored = self.engine.load(number)
        return {} if stored is None else stored.phases[Phase.VERIFY].facts


def security_words(release: Mapping[str, Any]) -> str:
    """What a security release mends (`severity` and `fixes` of its manifest); empty for any other."""
    severity, fixes = release.get("severity"), release.get("fixes") or ()
    if severity is None and not fixes:
        return ""
    grave = f", gravité {SEVERITY_LABELS[Severity(severity)]}" if severity else ""
    return f"Version de sécurité{grave}{', corrige ' + ', '.join(fixes) if fixes else ''}"


def is_news(update: UpdateDocument, status: UpdateStatus) -> bool:
    """Whether that end is told: not what a person has just cancelled, or has just been refused on the page."""
    if status is UpdateStatus.CANCELLED:
        return not update["cancel_requested"]
    if status is UpdateStatus.REFUSED:
        return update["source"] == Source.AUTOMATIC or bool(update["start_at"] or update["switch_at"])
    if status is UpdateStatus.PREPARED:  # its hour was missed, and nobody chose another meanwhile
        return update["status"] == status and update["switch_at"] is None
    if status is UpdateStatus.RUNNING:
        return awaits_decision(update)
    return True


def awaits_decision(update: UpdateDocument) -> bool:
    """Whether its release waits behind the closed door for somebody to decide."""
    doing = any(step["name"] == Phase.VALIDATE and step["status"] == PhaseStatus.DOING for step in update["phases"])
    validation = update["validation"]
    return doing and not update["failed_phase"] and validation is not None and validation["verdict"] is None


def message(
    config: Config, update: UpdateDocument, status: UpdateStatus, now: datetime, security: str = ""
) -> EmailMessage:
    """The message that tells that `update` (as `EngineReader.update` gives it) ended in `status`; without secrets.

    `security` is what its release mends, in words.
    """
    label = AWAITED_LABELS.get(status, STATUS_LABELS[status])
    title = f"{config.platform.name}, mise à jour {update['to'] or 'n° ' + str(update['id'])} : {label}"
    return letter(config, title, "\n".join(_lines(config, update, status, security)), now)


def letter(config: Config, title: str, text: str, now: datetime) -> EmailMessage:
    """A message to those whom the configuration names; secrets are taken out of `text`."""
    sender = config.mail.sender or f"ospi-superviseur@{urlsplit(config.platform.public_url).hostname}"
    found = EmailMessage()
    found["From"] = sender
    found["To"] = ", ".join(config.mail.recipients)
    found["Subject"] = typeset(on_one_line(" ".join(title.split())))
    found["Date"] = format_datetime(now)
    found["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2])
    found["Auto-Submitted"] = "auto-generated"  # no holiday greeting is to answer it
    found.set_content(typeset(printable(redactor_of(config).clean(text))))
    return found


def _lines(config: Config, update: UpdateDocument, status: UpdateStatus, security: str) -> Iterator[str]:
    lock, page_up = update["lock"], config.maintenance.flag.exists()
    failed = Phase(update["failed_phase"]) if update["failed_phase"] else None
    ended = situate(
        Facts(
            update=status,
            phase=Phase.VALIDATE if status is UpdateStatus.RUNNING else failed,
            not_opened=failed is Phase.VALIDATE,
            page_up=page_up,
            locked=lock == "held",
            released=lock == "released",
            unscheduled=update["switch_at"] is None,
        )
    )
    yield f"{ended.title}\n"
    yield f"Plateforme : {config.platform.name}, {config.platform.public_url}"
    yield f"Mise à jour : n° {update['id']}, de {update['from']} vers {update['to'] or 'une version inconnue'}"
    if security:
        yield security
    yield f"Demandée par : {update['requested_by']}"
    yield f"Début : {_instant(update['started_at'])}"
    if status is UpdateStatus.RUNNING and update["validation"]:
        yield f"À décider avant : {_instant(update['validation']['until'])}"
    if status.is_final:
        yield f"Fin : {_instant(update['ended_at'])}"
    if status is UpdateStatus.CANCELLED:
        yield f"Motif : {update['failure'] or UNKNOWN_REASON}"
    elif update["failure"] and failed and status is not UpdateStatus.SUCCEEDED:
        yield f"Motif : étape « {rule_of(failed).title} », {update['failure']}"
    yield f"\nVos utilisateurs voient : {ended.users}."
    if ended.data:
        yield f"Données : {ended.data}."
    yield f"{'Ne redémarrez pas le serveur. ' if ended.no_reboot else ''}{ended.advice}"
    if Action.SUPPORT in ended.actions:
        yield f"Support : {config.support.phone}, {config.support.email}."
    yield f"\nLe détail : {config.supervisor_address}/mises-a-jour/suivi?update={update['id']}"
    yield f"\n{FOOT}"


def _instant(text: str | None) -> str:
    return "–" if text is None else f"{datetime.fromisoformat(text).astimezone():%d/%m/%Y à %H:%M:%S}"
