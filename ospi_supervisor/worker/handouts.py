"""`[backup] after_snapshot`: a command is handed the export of each new full snapshot, to take it elsewhere."""

import logging
import shlex
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import BinaryIO, cast

import msgspec

from ospi_supervisor.backup.export import pass_export
from ospi_supervisor.backup.inventory import Snapshot
from ospi_supervisor.backup.snapshots import Snapshots
from ospi_supervisor.config.redaction import redactor_of
from ospi_supervisor.config.tables import Config
from ospi_supervisor.domain.command_line import command_line
from ospi_supervisor.errors import (
    BackupError,
    BusyError,
    PlatformError,
    SupervisorError,
    WorkerStoppingError,
    in_words,
    printable,
)
from ospi_supervisor.hands.accounts import account_named
from ospi_supervisor.store.engine_reader import EngineReader
from ospi_supervisor.store.published import PublishedStore
from ospi_supervisor.store.topics import HANDOUTS, HandoutRow, HandoutsDocument
from ospi_supervisor.worker.news import send
from ospi_supervisor.worker.receiver import receiver

logger = logging.getLogger(__name__)


@dataclass
class Handouts:
    """One at a time, in a thread of its own, and none beside an update: one that begins ends it.

    What was cut is begun anew at the next look; what failed is told once, and is not.
    """

    config: Config
    snapshots: Snapshots
    reader: EngineReader
    published: PublishedStore
    clock: Callable[[], datetime]
    stopping: Callable[[], bool]
    _mutex: threading.Lock = field(default_factory=threading.Lock)
    _thread: threading.Thread | None = None

    def look(self) -> None:
        """Each minute: begin with the oldest full snapshot that was not handed out. It may take hours: none of the
        worker's threads is kept for it."""
        with self._mutex:
            at_work = self._thread is not None and self._thread.is_alive()
            if at_work or self.config.backup.after_snapshot is None or self.reader.active_update() is not None:
                return
            snapshot = self._due()
            if snapshot is not None:
                self._thread = threading.Thread(target=self.hand_out, args=[snapshot], name="handout")
                self._thread.start()

    def hand_out(self, snapshot: Snapshot) -> None:
        """Hand it out and record what became of it, in the calling thread, unless it is cut."""
        try:
            self._publish(at_work=snapshot.id)
            try:
                row = self._row(snapshot)
            finally:
                self._publish(at_work=None)
            self._record(row)
        except (WorkerStoppingError, BusyError) as error:
            logger.info("the handing out of %s was cut: %s", snapshot.id, error)
        except SupervisorError as error:
            logger.warning("what became of the handing out of %s was not recorded: %s", snapshot.id, error)

    def _row(self, snapshot: Snapshot) -> HandoutRow:
        failure, said = self._pass(snapshot)
        clean = redactor_of(self.config).clean
        return HandoutRow(
            snapshot=snapshot.id,
            taken_at=snapshot.taken_at,
            ended_at=self.clock(),
            failure=None if failure is None else printable(clean(failure)),
            said=printable(clean(said)),
        )

    def _pass(self, snapshot: Snapshot) -> tuple[str | None, str]:
        """Why the command did not take it, None where it did, and the end of what it said."""
        backup, said = self.config.backup, ""
        try:
            account = backup.after_snapshot_account or ""
            account_named(account)
            for problem in self.snapshots.verify(snapshot.id, lambda _: self._check()):
                return f"la sauvegarde est endommagée : {problem}", ""
            words = shlex.split(backup.after_snapshot or "")
            with receiver(words, account, _facts(snapshot), backup.after_snapshot_timeout, self._check) as command:
                try:
                    pass_export([backup.directory / snapshot.id], cast(BinaryIO, command), low_priority=True)
                    command.finish()
                finally:
                    said = command.said
        except (BackupError, PlatformError, OSError) as error:
            return in_words(error), said
        return None, said

    def _check(self) -> None:
        if self.stopping():
            raise WorkerStoppingError("le service de mise à jour s'arrête")
        if self.reader.active_update() is not None:
            raise BusyError("une mise à jour commence ou est en cours")

    def _due(self) -> Snapshot | None:
        known = {(row.snapshot, row.taken_at) for row in self._known().rows}
        full = (one for one in self.snapshots.list() if one.base is None)
        return next((one for one in full if (one.id, one.taken_at) not in known), None)

    def _record(self, row: HandoutRow) -> None:
        """Before it is told: a crash may lose the message, and never sends two. Of backups that are no more, nothing is
        kept."""
        there = {(one.id, one.taken_at) for one in self.snapshots.list()}
        kept = [one for one in self._known().rows if (one.snapshot, one.taken_at) in there]
        self._publish(rows=[row, *kept])
        logger.info("%s was handed out: %s", row.snapshot, row.failure or "taken")
        if row.failure is not None:
            send(self.config, "une sauvegarde n'a pas été transmise", _letter(self.config, row), self.clock())

    def _known(self) -> HandoutsDocument:
        found = self.reader.published(HANDOUTS)
        return HandoutsDocument() if found is None else found[1]

    def _publish(self, **changes: object) -> None:
        self.published.publish(HANDOUTS, msgspec.structs.replace(self._known(), **changes), self.clock())


def _facts(snapshot: Snapshot) -> dict[str, str]:
    """What the command is told, as variables of its environment."""
    return {
        "OSPI_SNAPSHOT": snapshot.id,
        "OSPI_SNAPSHOT_TAKEN_AT": snapshot.taken_at.isoformat(timespec="seconds"),
        "OSPI_SNAPSHOT_RELEASE": snapshot.release,
    }


def _letter(config: Config, row: HandoutRow) -> str:
    said = f"\n\nFin de ce que la commande a dit :\n{row.said.strip()}" if row.said.strip() else ""
    by_hand = command_line(f"backup export {row.snapshot} FICHIER")
    return (
        f"Sauvegarde : {row.snapshot}, du {row.taken_at.astimezone():%d/%m/%Y à %H:%M:%S}\n"
        f"Motif : {row.failure}{said}\n\n"
        "La sauvegarde est toujours sur le serveur, et la plateforme n'en a rien vu. La suivante sera transmise"
        f" d'elle-même ; celle-ci, seulement à la main : « {by_hand} ».\n\n"
        f"Le détail : {config.supervisor_address}/sauvegardes\n"
    )
