"""The drills of backups: one a month at night, and those that are asked for. Each ends as a certificate."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import msgspec

from ospi_supervisor.backup.inventory import Snapshot
from ospi_supervisor.domain.drill import CERTIFICATES_KEPT, NIGHTLY, Certificate, Proof, due_drill
from ospi_supervisor.domain.requests import DrillBackup
from ospi_supervisor.domain.schedule import NightlyPlan
from ospi_supervisor.errors import BackupError, BusyError, MailError, RefusedError, SupervisorError, WorkerStoppingError
from ospi_supervisor.store.engine_reader import EngineReader
from ospi_supervisor.store.engine_store import EngineStore
from ospi_supervisor.store.published import PublishedStore
from ospi_supervisor.store.request_codec import decode
from ospi_supervisor.store.topics import DRILLS, DrillsDocument
from ospi_supervisor.store.web_rows import RequestRow
from ospi_supervisor.worker.certificates import Drilling, failure_letter
from ospi_supervisor.worker.mail_server import MailServer

logger = logging.getLogger(__name__)

REQUEST_LIFETIME = timedelta(minutes=15)
"""A request that waited for longer (the worker was down) is refused: « maintenant » is over."""
AT_NIGHT = 0
"""Whose turn the month's drill is: no request has that number."""


@dataclass
class Drills:
    """One drill at a time, in the calling thread, and none beside an update: one that begins ends it.

    `lock` says whether an update or a restoration is at work; `sweep` removes what a killed worker left of a twin.
    """

    drilling: Drilling
    engine: EngineStore
    reader: EngineReader
    published: PublishedStore
    sweep: Callable[[], None]
    lock: Callable[[], AbstractContextManager[None]]
    plan: Callable[[], NightlyPlan]
    clock: Callable[[], datetime]
    stopping: Callable[[], bool]
    _mutex: threading.Lock = field(default_factory=threading.Lock)
    _at_work: int | None = None
    _swept: bool = False

    def tidy(self) -> None:
        """Once, remove what a killed worker left of a twin; an update that is taken up does so by itself."""
        with self._mutex:
            if not self._swept and self._at_work is None and self.reader.active_update() is None:
                self.sweep()
                self._publish(at_work=None)
                self._swept = True

    def run_if_due(self) -> None:
        """Each minute: the month's drill, where it is due. What goes wrong is told in the log; the next night tries
        again."""
        night = self._due()
        if night is None or self.reader.active_update() is not None:
            return
        try:
            with self._turn(AT_NIGHT) as ours:
                if ours:
                    # First of all: a night that kills the worker is not run again and again.
                    self._publish(last_night=night)
                    self._drill(None, NIGHTLY)
        except SupervisorError as error:
            logger.warning("the drill of %s: %s", night, error)

    def answer(self, request: RequestRow) -> None:
        """Drill the backup that is asked for, the newest where none is named, and answer, unless that was done or is
        being done. The answer's words are the certificate's key."""
        try:
            with self._turn(request.id) as ours:
                if not ours or self.engine.is_answered(request.id):
                    return
                certificate = self._grant(request)
        except WorkerStoppingError:
            return
        except SupervisorError as error:
            self.engine.answer(request.id, accepted=False, message=str(error), now=self.clock())
        else:
            self.engine.answer(request.id, accepted=True, message=certificate.key, now=self.clock())

    def _due(self) -> date | None:
        if not self.drilling.config.backup.drill:
            return None
        known = self._known()
        last = max((certificate.began_at for certificate in known.certificates), default=None)
        return due_drill(self.plan(), self.clock(), last, known.last_night)

    def _grant(self, request: RequestRow) -> Certificate:
        if self.clock() - request.requested_at > REQUEST_LIFETIME:
            raise RefusedError("cette demande a trop attendu ; refaites-la")
        asked = decode(request.kind, request.payload)
        return self._drill(asked.snapshot if isinstance(asked, DrillBackup) else None, request.requested_by)

    def _drill(self, snapshot_id: str | None, by: str) -> Certificate:
        """BusyError where an update or a restoration is under way; or begins: then nothing is recorded."""
        self._tick()
        with self.lock():
            pass  # nobody holds it: it is not kept, for a drill gives way
        snapshot = self._chosen(snapshot_id)
        self._publish(at_work=snapshot.id)
        try:
            certificate = self.drilling.drill(snapshot, by, self._tick)
            kept = [certificate, *self._known().certificates][:CERTIFICATES_KEPT]
            self._publish(certificates=kept)
        finally:
            self._publish(at_work=None)
        logger.info("the drill of %s: %s %s", snapshot.id, certificate.proof.value, certificate.reason)
        if certificate.proof is Proof.FAILED:
            self._tell(certificate)
        return certificate

    def _chosen(self, snapshot_id: str | None) -> Snapshot:
        """The backup of that name, else the newest of which nothing is still in its database's server."""
        lasting = [
            snapshot
            for snapshot in self.drilling.snapshots.list()
            if all(dump.path for dump in snapshot.databases.values())
        ]
        if snapshot_id is None:
            if not lasting:
                raise RefusedError("il n'y a encore aucune sauvegarde à éprouver ; faites-en une d'abord")
            return lasting[-1]
        for snapshot in lasting:
            if snapshot.id == snapshot_id:
                return snapshot
        raise BackupError(f"il n'y a pas de sauvegarde « {snapshot_id} » à éprouver ; « Sauvegardes » montre celles-ci")

    def _tell(self, certificate: Certificate) -> None:
        """Once: it was recorded before, and a crash may lose the message, and never sends two."""
        config = self.drilling.config
        if config.mail.smtp is None:
            return
        try:
            MailServer(config.mail).send(failure_letter(config, certificate, self.clock()))
        except MailError as error:
            logger.warning("the failed drill of %s could not be told by mail: %s", certificate.snapshot, error)

    def _tick(self) -> None:
        if self.stopping():
            raise WorkerStoppingError("le service de mise à jour s'arrête")
        if self.reader.active_update() is not None:
            raise BusyError("une mise à jour commence ou est en cours ; refaites cette demande après sa fin")

    def _known(self) -> DrillsDocument:
        found = self.reader.published(DRILLS)
        return DrillsDocument() if found is None else found[1]

    def _publish(self, **changes: object) -> None:
        self.published.publish(DRILLS, msgspec.structs.replace(self._known(), **changes), self.clock())

    @contextmanager
    def _turn(self, number: int) -> Iterator[bool]:
        """Whether we may work now: not where somebody is at this very one; BusyError where at another."""
        with self._mutex:
            ours = self._at_work != number
            if ours and self._at_work is not None:
                raise BusyError("une épreuve est déjà en cours ; attendez sa fin")
            self._at_work = number
        try:
            yield ours
        finally:
            if ours:
                self._at_work = None
