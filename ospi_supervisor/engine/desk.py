"""Judges what the web process and the command line ask for. Nothing that they wrote is believed."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, TypeVar

import msgspec

from ospi_supervisor.domain.acceptance import check_nothing_waits
from ospi_supervisor.domain.lifecycle import Phase, PhaseStatus, UpdateStatus, rule_of
from ospi_supervisor.domain.schedule import check_asked_in_time
from ospi_supervisor.domain.settings import check_setting
from ospi_supervisor.engine.unlocking import Unlocking
from ospi_supervisor.errors import BusyError, RefusedError, SupervisorError
from ospi_supervisor.phases.base import Level
from ospi_supervisor.store.database import LAST_NUMBER
from ospi_supervisor.store.engine_rows import NewUpdate, StoredUpdate
from ospi_supervisor.store.engine_store import EngineStore
from ospi_supervisor.store.web_rows import RequestRow

SOURCES = ("import", "shell")

Instant = Annotated[datetime, msgspec.Meta(tz=True)]


class ImportPayload(msgspec.Struct, frozen=True):
    """What a request to import says."""

    upload_id: Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{1,64}\Z")]
    notice_sha256: str | None = None
    notice_read_at: Instant | None = None
    start_at: Instant | None = None
    version: Annotated[str, msgspec.Meta(max_length=100)] | None = None

    def __post_init__(self) -> None:
        for instant in filter(None, (self.notice_read_at, self.start_at)):
            instant.astimezone(UTC)  # OverflowError: at the edges of time a database cannot take it


class CancelPayload(msgspec.Struct, frozen=True):
    """What a request to cancel says; the bounds are the database's."""

    update_id: Annotated[int, msgspec.Meta(ge=1, le=LAST_NUMBER)]


class ResumePayload(msgspec.Struct, frozen=True):
    """What a request to take an update up again says; the bounds are the database's."""

    update_id: Annotated[int, msgspec.Meta(ge=1, le=LAST_NUMBER)]


class SettingPayload(msgspec.Struct, frozen=True):
    """What a request to change a setting says."""

    name: str
    value: str


class UnlockPayload(msgspec.Struct, frozen=True):
    """What a request to release a version says."""

    code: Annotated[str, msgspec.Meta(max_length=1000)]


Payload = TypeVar("Payload", ImportPayload, CancelPayload, ResumePayload, SettingPayload, UnlockPayload)


@dataclass(frozen=True)
class Desk:
    """Each request is judged once; its answer stands in the same transaction as what follows from it."""

    store: EngineStore
    product: str
    uploads_dir: Path
    installed_version: Callable[[], str]
    clock: Callable[[], datetime]
    unlocking: Unlocking
    change_setting: Callable[[str, str, str, datetime], None]
    page_is_up: Callable[[], bool]

    def judge(self, request: RequestRow) -> None:
        """Answer `request`, unless it was answered before. StateError where the answer cannot be written."""
        now = self.clock()
        # Before the transaction, which would keep everybody waiting for the platform's answer.
        trouble = self.unlocking.look() if request.kind == "unlock" else None
        with self.store.transaction():
            if request.id in self.store.answered():
                return
            try:
                update_id = self._grant(request, trouble, now)
            except SupervisorError as error:
                self.store.answer(request.id, accepted=False, message=str(error), now=now)
            else:
                self.store.answer(request.id, accepted=True, update_id=update_id, now=now)

    def _grant(self, request: RequestRow, trouble: str | None, now: datetime) -> int | None:
        if request.kind == "import":
            return self._admit(request, now)
        if request.kind == "cancel":
            return self._cancel(request, now)
        if request.kind == "resume":
            return self._resume(request, now)
        if request.kind == "setting":
            self._set(request, now)
            return None
        if request.kind == "unlock":
            code = _decoded(request.payload, UnlockPayload).code
            return self.unlocking.release(code, request.requested_by, trouble, now)
        raise RefusedError(f"demande « {request.kind} » inconnue de ce service de mise à jour")

    def _admit(self, request: RequestRow, now: datetime) -> int:
        return self.admit(self._new_update(request), f"Mise à jour demandée par {request.requested_by}.", now)

    def admit(self, update: NewUpdate, reason: str, now: datetime) -> int:
        """The number of a new update, whose journal begins with `reason`.

        BusyError where one is under way, RefusedError where one awaits an intervention.
        """
        with self.store.transaction():
            check_nothing_waits(self.store.awaiting_intervention())
            if not update.waits(now):
                self._check_idle()
            update_id = self.store.admit(update, now)
            self._journal(update_id, Phase.VERIFY, Level.INFO, reason, now)
        return update_id

    def _set(self, request: RequestRow, now: datetime) -> None:
        asked = _decoded(request.payload, SettingPayload)
        check_setting(asked.name, asked.value)
        self.change_setting(asked.name, asked.value, request.requested_by, now)

    def _check_idle(self) -> None:
        if (under_way := self.store.under_way()) is not None:
            raise BusyError(f"la mise à jour n° {under_way} est en cours ; attendez sa fin")

    def _new_update(self, request: RequestRow) -> NewUpdate:
        asked = _decoded(request.payload, ImportPayload)
        # The name alone is taken: no request can lead the worker out of the uploads' folder.
        archive = self.uploads_dir / asked.upload_id
        if archive.is_symlink() or not archive.is_file():
            raise RefusedError("l'archive n'est plus sur le serveur ; téléversez-la de nouveau", code="unknown")
        if request.source not in SOURCES:
            raise RefusedError(f"origine de la demande inconnue : « {request.source} »")
        if asked.notice_read_at is None:
            raise RefusedError("la notice n'a pas été lue ; lisez-la avant d'importer", code="notice_not_read")
        check_asked_in_time(asked.start_at, request.requested_at)
        return NewUpdate(
            product=self.product,
            from_version=self.installed_version(),
            source=request.source,
            requested_by=request.requested_by,
            archive=archive,
            notice_sha256=asked.notice_sha256,
            notice_read_at=asked.notice_read_at,
            start_at=asked.start_at,
            to_version=asked.version,
        )

    def _cancel(self, request: RequestRow, now: datetime) -> int:
        update = self.store.load(_decoded(request.payload, CancelPayload).update_id)
        if update is None:
            raise RefusedError("cette mise à jour est inconnue", code="unknown")
        if update.status is UpdateStatus.CANCELLED or (update.cancel_requested and not update.status.is_final):
            return update.id  # the button was pressed twice
        phase = _phase_of(update)
        if update.status.is_final or update.failed_phase is not None or not rule_of(phase).cancellable:
            raise RefusedError(
                "cette mise à jour ne peut plus être annulée : la page de maintenance est en place, ou elle se termine",
                code="too_late",
            )
        self.store.request_cancel(update.id)
        self._journal(update.id, phase, Level.WARNING, f"Annulation demandée par {request.requested_by}.", now)
        if update.status is not UpdateStatus.RUNNING:
            self.store.finish(update.id, UpdateStatus.CANCELLED, now)
            self.store.add_event(update.id, "end", phase, now, {"status": UpdateStatus.CANCELLED.value})
        return update.id

    def _resume(self, request: RequestRow, now: datetime) -> int:
        update_id = _decoded(request.payload, ResumePayload).update_id
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
                " (« ospi-supervisor maintenance on »)",
                code="reopened",
            )
        self.store.resume(update_id)
        self._journal(update_id, phase, Level.WARNING, f"Reprise demandée par {request.requested_by}.", now)
        return update_id

    def _journal(self, update_id: int, phase: Phase, level: Level, message: str, now: datetime) -> None:
        self.store.add_event(update_id, "log", phase, now, {"level": level.value, "message": message})


def _phase_of(update: StoredUpdate) -> Phase:
    """The furthest phase that was entered; the first before any was."""
    entered = [phase for phase, stored in update.phases.items() if stored.status is not PhaseStatus.PENDING]
    return entered[-1] if entered else Phase.VERIFY


def _decoded(payload: object, kind: type[Payload]) -> Payload:
    """What the request asks for; RefusedError where it is not of the expected form."""
    try:
        return msgspec.convert(payload, kind)
    except (msgspec.ValidationError, OverflowError) as error:
        raise RefusedError(f"demande illisible ({error}) ; recommencez-la depuis le superviseur") from error
