"""Judges what the web process and the command line ask for. Nothing that they wrote is believed."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from ospi_supervisor import __version__
from ospi_supervisor.domain.acceptance import check_nothing_waits, check_own_hour, check_turn_is_free
from ospi_supervisor.domain.closures import spoken
from ospi_supervisor.domain.command_line import command_line
from ospi_supervisor.domain.events import EventKind, Level
from ospi_supervisor.domain.hour import HourRules
from ospi_supervisor.domain.lifecycle import Phase, PhaseStatus, UpdateStatus, rule_of
from ospi_supervisor.domain.manifest import OWN_PRODUCT
from ospi_supervisor.domain.requests import (
    Announce,
    Cancel,
    ChangeSetting,
    GoBack,
    Import,
    Open,
    Reschedule,
    Resume,
    Source,
    Unlock,
)
from ospi_supervisor.domain.schedule import check_asked_in_time, check_start
from ospi_supervisor.domain.settings import check_setting
from ospi_supervisor.domain.words import counted
from ospi_supervisor.engine import validation
from ospi_supervisor.engine.unlocking import Unlocking
from ospi_supervisor.engine.waiting import choose
from ospi_supervisor.errors import RefusedError, SupervisorError
from ospi_supervisor.store.engine_rows import NewUpdate, StoredUpdate
from ospi_supervisor.store.engine_store import EngineStore
from ospi_supervisor.store.request_codec import decode
from ospi_supervisor.store.web_rows import RequestRow

SOURCES = (Source.IMPORT, Source.SHELL)


@dataclass(frozen=True)
class Requests:
    """Each request is judged once; its answer stands in the same transaction as what follows from it."""

    store: EngineStore
    product: str
    uploads_dir: Path
    installed_version: Callable[[], str]
    clock: Callable[[], datetime]
    unlocking: Unlocking
    change_setting: Callable[[str, str, str, datetime], None]
    page_is_up: Callable[[], bool]
    hours: HourRules = field(default_factory=HourRules)

    def answer(self, request: RequestRow) -> None:
        """Answer `request`, unless it was answered before. StateError where the answer cannot be written."""
        now = self.clock()
        # Before the transaction, which would keep everybody waiting for the platform's answer.
        trouble = self.unlocking.look() if request.kind == Unlock.kind else None
        with self.store.transaction():
            if self.store.is_answered(request.id):
                return
            try:
                update_id = self._grant(request, trouble, now)
            except SupervisorError as error:
                self.store.answer(request.id, accepted=False, message=str(error), now=now)
            else:
                self.store.answer(request.id, accepted=True, update_id=update_id, now=now)

    def _grant(self, request: RequestRow, trouble: str | None, now: datetime) -> int | None:
        asked = decode(request.kind, request.payload)
        match asked:
            case Import():
                update = self._new_update(request, asked)
                return self.admit(update, f"Mise à jour demandée par {request.requested_by}.", now)
            case Cancel():
                return self._cancel(asked.update_id, request.requested_by, now)
            case Resume():
                return self._resume(asked.update_id, request.requested_by, now)
            case Open() | GoBack():
                return validation.decide(self.store, asked, request.requested_by, now)
            case Reschedule():
                return self._reschedule(asked, request.requested_by, now)
            case Announce():
                return self._announce(asked, request.requested_by, now)
            case Unlock():
                return self.unlocking.release(asked.code, request.requested_by, trouble, now)
            case ChangeSetting():
                check_setting(asked.name, asked.value)
                self.change_setting(asked.name, asked.value, request.requested_by, now)
                return None
        raise RefusedError(f"demande « {asked.kind} » : ce n'est pas à l'installation d'y répondre")

    def admit(self, update: NewUpdate, reason: str, now: datetime) -> int:
        """The number of a new update, whose journal begins with `reason`.

        BusyError where one is under way, RefusedError where one awaits an intervention, or the calendar forbids its
        hour: a prepared one's is when users lose the platform.
        """
        self.hours.check(update.switch_at or max(update.start_at or now, now))
        with self.store.transaction():
            check_nothing_waits(self.store.awaiting_intervention())
            if not update.waits(now):
                self._check_idle()
            update_id = self.store.admit(update, now)
            self._journal(update_id, Phase.VERIFY, Level.INFO, reason, now)
        return update_id

    def _check_idle(self) -> None:
        under_way = self.store.under_way()
        update = None if under_way is None else self.store.load(under_way)
        check_turn_is_free(under_way, prepared=update is not None and update.status is UpdateStatus.PREPARED)

    def _new_update(self, request: RequestRow, asked: Import) -> NewUpdate:
        # The name alone is taken: no request can lead the worker out of the uploads' folder.
        archive = self.uploads_dir / asked.upload_id
        if archive.is_symlink() or not archive.is_file():
            raise RefusedError("l'archive n'est plus sur le serveur ; envoyez-la de nouveau", code="unknown")
        if request.source not in SOURCES:
            raise RefusedError(f"origine de la demande inconnue : « {request.source} »")
        if asked.notice_read_at is None:
            raise RefusedError("la notice n'a pas été lue ; lisez-la avant d'importer", code="notice_not_read")
        check_asked_in_time(asked.start_at or asked.switch_at, request.requested_at)
        if asked.own:
            check_own_hour(asked.switch_at)
        return NewUpdate(
            product=OWN_PRODUCT if asked.own else self.product,
            from_version=__version__ if asked.own else self.installed_version(),
            source=request.source,
            requested_by=request.requested_by,
            archive=archive,
            notice_sha256=asked.notice_sha256,
            notice_read_at=asked.notice_read_at,
            start_at=asked.start_at,
            switch_at=asked.switch_at,
            to_version=asked.version,
            validates=asked.validate and not asked.own,
        )

    def _cancel(self, update_id: int, by: str, now: datetime) -> int:
        update = self.store.load(update_id)
        if update is None:
            raise RefusedError("cette mise à jour est inconnue", code="unknown")
        if update.status is UpdateStatus.CANCELLED or (update.cancel_requested and not update.status.is_final):
            return update.id  # the button was pressed twice
        phase = _phase_of(update)
        checked = update.phases[Phase.PREREQUISITES].status is PhaseStatus.DONE
        changes_itself = update.product == OWN_PRODUCT and checked  # another unit may be at it
        ended = update.status.is_final or update.failed_phase is not None
        if ended or changes_itself or not rule_of(phase).cancellable:
            own = update.product == OWN_PRODUCT
            why = "le Superviseur change de version" if own else "la page de maintenance est en place"
            raise RefusedError(
                f"cette mise à jour ne peut plus être annulée : {why}, ou elle se termine", code="too_late"
            )
        self.store.request_cancel(update.id)
        self._journal(update.id, phase, Level.WARNING, f"Annulation demandée par {by}.", now)
        if update.status in (UpdateStatus.SCHEDULED, UpdateStatus.QUEUED):  # nothing is to be taken back
            self.store.finish(update.id, UpdateStatus.CANCELLED, now)
            self.store.add_event(update.id, EventKind.END, phase, now, {"status": UpdateStatus.CANCELLED.value})
        return update.id

    def _reschedule(self, asked: Reschedule, by: str, now: datetime) -> int:
        update = self.store.load(asked.update_id)
        if update is None:
            raise RefusedError("cette mise à jour est inconnue", code="unknown")
        phase = _phase_of(update)
        ended = update.status.is_final or update.cancel_requested or update.failed_phase is not None
        if ended or not rule_of(phase).cancellable:
            raise RefusedError(
                "l'heure de cette mise à jour ne peut plus être changée : la page de maintenance est en place, ou"
                " elle se termine",
                code="too_late",
            )
        at = now if asked.switch_at is None else asked.switch_at
        check_start(at, now)
        self.hours.check(at)
        if update.status is UpdateStatus.SCHEDULED:
            self.store.set_start(update.id, at)
        else:
            backup = update.phases[Phase.BACKUP]
            self.store.set_hour(update.id, choose(at, backup.started_at, backup.ended_at))
        when = "sans attendre" if asked.switch_at is None else f"pour le {spoken(at, self.hours.zone())}"
        self._journal(update.id, phase, Level.INFO, f"Heure changée par {by} : {when}.", now, EventKind.HOUR)
        return update.id

    def _announce(self, asked: Announce, by: str, now: datetime) -> int:
        update = self.store.load(asked.update_id)
        if update is None or update.status.is_final:
            raise RefusedError("cette mise à jour est inconnue ou terminée : il n'y a plus rien à annoncer")
        self.store.set_announcement(update.id, asked.minutes, asked.message)
        when = f"{counted(asked.minutes, 'minute', 'minutes')} avant l'heure" if asked.minutes else "plus jamais"
        words = f"Annonce aux utilisateurs : {when} (par {by})."
        self._journal(update.id, _phase_of(update), Level.INFO, words, now, EventKind.HOUR)
        return update.id

    def _resume(self, update_id: int, by: str, now: datetime) -> int:
        update = self.store.load(update_id)
        if update is not None and update.status is UpdateStatus.RUNNING:
            return update_id  # the button was pressed twice
        if update is None or self.store.awaiting_intervention() != update_id:
            raise RefusedError(f"la mise à jour n° {update_id} n'attend pas d'intervention", code="not_stopped")
        self._check_idle()
        phase = update.failed_phase or Phase.VERIFY
        goes_back = phase is not Phase.REOPEN
        data_to_bring_back = update.phases[Phase.MIGRATE].status not in (PhaseStatus.PENDING, PhaseStatus.UNDONE)
        if goes_back and data_to_bring_back and not self.page_is_up():
            raise RefusedError(
                "la page de maintenance a été retirée depuis : reprendre effacerait ce qui a été saisi depuis lors ;"
                " débloquez plutôt la version avec le code du support ou, si rien n'a été saisi, remettez la page"
                f" (« {command_line('maintenance on')} »)",
                code="reopened",
            )
        self.store.resume(update_id)
        self._journal(update_id, phase, Level.WARNING, f"Reprise demandée par {by}.", now)
        return update_id

    def _journal(
        self,
        update_id: int,
        phase: Phase,
        level: Level,
        message: str,
        now: datetime,
        kind: EventKind = EventKind.LOG,
    ) -> None:
        self.store.add_event(update_id, kind, phase, now, {"level": level.value, "message": message})


def _phase_of(update: StoredUpdate) -> Phase:
    """The furthest phase that was entered; the first before any was."""
    entered = [phase for phase, stored in update.phases.items() if stored.status is not PhaseStatus.PENDING]
    return entered[-1] if entered else Phase.VERIFY
