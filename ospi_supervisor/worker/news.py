"""What is told by mail beside the ends of updates: a version that is offered, an update that begins, what failed."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import msgspec

from ospi_supervisor.config.tables import Config
from ospi_supervisor.domain.lifecycle import UpdateStatus
from ospi_supervisor.domain.manifest import OWN_PRODUCT
from ospi_supervisor.domain.settings import in_force
from ospi_supervisor.errors import MailError
from ospi_supervisor.store.automatic_documents import RunDocument
from ospi_supervisor.store.engine_documents import UpdateSummary
from ospi_supervisor.store.engine_reader import AutomaticRow, EngineReader
from ospi_supervisor.store.published import PublishedStore
from ospi_supervisor.store.topics import Topic
from ospi_supervisor.worker.mail_server import MailServer
from ospi_supervisor.worker.notifications import FOOT, letter

logger = logging.getLogger(__name__)

SAID_AGAIN = timedelta(days=7)
"""A night that fails as the one before is told again after so long."""


class _Told(msgspec.Struct):
    """What was told last: the version, this program's, the update's number, the night, and what was said of that."""

    version: str | None = None
    own: str | None = None
    update: int = 0
    night: date | None = None
    night_words: str = ""


NEWS_TOLD = Topic("news_told", _Told)


@dataclass(frozen=True)
class News:
    """Each is told once, and counts as told before its message leaves. What there was before the first look is none."""

    config: Config
    reader: EngineReader
    published: PublishedStore
    clock: Callable[[], datetime]

    def tell(self) -> None:
        """Each minute: tell what is new, where somebody is to be told."""
        found, known = self.reader.published(NEWS_TOLD), self.reader.automatic()
        told = found[1] if found else _Told()
        before = msgspec.structs.replace(told)
        letters = [*self._offered(told, known), *self._begun(told), *self._failed_night(told, known)]
        if told != before or found is None:
            self.published.publish(NEWS_TOLD, told, self.clock())
        for title, text in letters if found is not None else []:
            send(self.config, title, text, self.clock())

    def _offered(self, told: _Told, known: AutomaticRow | None) -> list[tuple[str, str]]:
        check = known.last_check if known else None
        if known is None or check is None or known.activity is not None:
            return []
        letters, own = [], check.get("own")
        if (offer := check["available"]) is not None and offer["version"] != told.version:
            told.version = offer["version"]
            letters += self._of_offer("version", offer["version"])
        if own is not None and (offer := own["available"]) is not None and offer["version"] != told.own:
            told.own = offer["version"]
            letters += self._of_offer("version du Superviseur", offer["version"])
        return letters

    def _of_offer(self, what: str, version: str) -> list[tuple[str, str]]:
        active = self.reader.active_update()
        update = self.reader.update(active) if active is not None else None
        if update is not None and update["to"] == version:
            return []  # its beginning is told
        pages = f"{self.config.supervisor_address}/mises-a-jour/activation"
        text = f"L'éditeur propose la {what} {version} à ce serveur.\n\nL'installer, ou la reporter : {pages}"
        return [(f"nouvelle {what} disponible : {version}", text)]

    def _begun(self, told: _Told) -> list[tuple[str, str]]:
        updates = [row for row in reversed(self.reader.updates(20)) if row["id"] > told.update]
        if updates:
            told.update = updates[-1]["id"]
        return [self._beginning(row) for row in updates if not UpdateStatus(row["status"]).is_final]

    def _beginning(self, update: UpdateSummary) -> tuple[str, str]:
        at = update["start_at"] or update["started_at"] or update["queued_at"]
        what = "Mise à jour du Superviseur" if update["product"] == OWN_PRODUCT else "Mise à jour"
        lines = [
            f"Une mise à jour commence à {datetime.fromisoformat(str(at)).astimezone():%H:%M le %d/%m/%Y}.",
            f"{what} : n° {update['id']}, de {update['from']} vers {update['to'] or 'une version à vérifier'}",
            f"Demandée par : {update['requested_by']}",
        ]
        if update["switch_at"]:
            switch = datetime.fromisoformat(update["switch_at"]).astimezone()
            lines.append(f"Bascule, et page de maintenance : à partir de {switch:%H:%M le %d/%m/%Y}")
        pages = f"{self.config.supervisor_address}/mises-a-jour/suivi?update={update['id']}"
        title = f"une mise à jour commence à {datetime.fromisoformat(str(at)).astimezone():%H:%M (%d/%m/%Y)}"
        return title, "\n".join([*lines, f"\nLa suivre : {pages}"])

    def _failed_night(self, told: _Told, known: AutomaticRow | None) -> list[tuple[str, str]]:
        run = known.last_run if known else None
        if run is None or run["night"] is None or not self._updates_itself():
            return []
        night = date.fromisoformat(run["night"])
        if run["ok"]:
            told.night_words = ""
            return []
        as_before = run["message"] == told.night_words and told.night and night - told.night < SAID_AGAIN
        if night == told.night or as_before:
            return []
        told.night, told.night_words = night, run["message"]
        return [self._of_night(run, night)]

    def _of_night(self, run: RunDocument, night: date) -> tuple[str, str]:
        pages = f"{self.config.supervisor_address}/mises-a-jour/activation"
        return (
            f"la mise à jour automatique de la nuit du {night:%d/%m/%Y} n'a pas abouti",
            f"Motif : {run['message']}\n\nRien n'a été installé, et la plateforme est comme avant. Si le motif demande"
            f" quelque chose, faites-le ; sinon, la nuit suivante essaie de nouveau.\n\nLe détail : {pages}",
        )

    def _updates_itself(self) -> bool:
        rules = in_force(self.reader.settings_under("update."))
        return rules.automatic or rules.security


def tell_failed_backup(config: Config, words: str, now: datetime) -> None:
    """Mail that a backup that was asked for did not come about."""
    pages = f"{config.supervisor_address}/sauvegardes"
    text = f"Motif : {words}\n\nLes sauvegardes d'avant sont toujours là.\n\nLe détail : {pages}"
    send(config, "une sauvegarde a échoué", text, now)


def send(config: Config, title: str, text: str, now: datetime) -> None:
    """Mail it to those whom the configuration names, if any; what cannot be sent is a line of the log."""
    if config.mail.smtp is None:
        return
    whole = f"{text}\nPlateforme : {config.platform.name}, {config.platform.public_url}\n\n{FOOT}"
    try:
        MailServer(config.mail).send(letter(config, f"{config.platform.name}, {title}", whole, now))
    except MailError as error:
        logger.warning("%r could not be told by mail: %s", title, error)
    else:
        logger.info("%r was told by mail", title)
