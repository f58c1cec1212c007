"""An import's next steps, the same for the pages and the shell: the notice is read, « Importer » is pressed, and once
every byte is there the worker is asked, once, whoever happens to be looking then."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from ospi_supervisor.domain.acceptance import check_own_hour
from ospi_supervisor.domain.lifecycle import UpdateStatus
from ospi_supervisor.domain.manifest import OWN_PRODUCT
from ospi_supervisor.domain.requests import AT_ONCE, Asker, Source, Terms
from ospi_supervisor.domain.schedule import check_asked_in_time
from ospi_supervisor.domain.words import STATUS_LABELS
from ospi_supervisor.errors import RefusedError, SupervisorError
from ospi_supervisor.operations.uploads import Uploads, raise_if_refused
from ospi_supervisor.store.engine_reader import EngineReader
from ospi_supervisor.store.web_rows import ImportWish, UploadRow
from ospi_supervisor.store.web_store import WebStore

LIFETIME_ONCE_REQUESTED = timedelta(days=7)
"""How long its bytes stay once the worker was asked to install it, counted from the start that was asked for."""

CLAIM_LASTS = timedelta(minutes=1)
"""After this whoever was asking the worker has died meanwhile; asking takes no second."""


class AskWorker(Protocol):
    """Asks the worker for the installation of a complete upload; the request's number. RefusedError, BusyError."""

    def __call__(self, upload_id: str, *, by: str, source: Source, terms: Terms) -> int: ...


class Imports:
    """What follows an upload. Each step is recorded as « traçabilité » of whoever took it."""

    def __init__(
        self, uploads: Uploads, store: WebStore, reader: EngineReader, ask: AskWorker, clock: Callable[[], datetime]
    ) -> None:
        self._uploads = uploads
        self._store = store
        self._reader = reader
        self._ask = ask
        self.clock = clock

    # --- what a person does -----------------------------------------------------------------------------------

    def note_refusal(self, row: UploadRow, asker: Asker) -> None:
        """Record that the archive was refused."""
        self._record("archive refusée", f"{row.filename} : {' ; '.join(row.reasons)}", asker, allowed=False)

    def press(self, upload_id: str, asker: Asker, *, notice_read: bool, terms: Terms = AT_ONCE) -> int | None:
        """« Importer », with « J'ai lu la notice » where it was ticked; the request's number, None while bytes are
        missing: the worker is then asked at the end of the upload. RefusedError, BusyError."""
        if notice_read:
            row = self._uploads.acknowledge_notice(upload_id, asker.name)
            self._record("notice lue", f"{row.filename}, sha256 {row.notice_sha256}", asker)
        self.want(upload_id, ImportWish.on(terms, by=asker.name, source=asker.source))
        return self._ask_worker(upload_id, asker)

    def give_up(self, upload_id: str, asker: Asker) -> None:
        """Give the upload up; its bytes go. RefusedError where the worker was asked to install it."""
        self._uploads.abandon(self.as_answered(upload_id).id)
        self._record("envoi abandonné", upload_id, asker)

    # --- what follows -----------------------------------------------------------------------------------------

    def go_on(self, row: UploadRow, asker: Asker) -> None:
        """Ask the worker to install an upload that is now complete, where « Importer » was pressed while it went on.

        A refusal is recorded with the upload, for the page to show: the upload itself has succeeded.
        """
        with suppress(SupervisorError):
            self._ask_worker(row.id, asker)

    def current(self, upload_id: str, asker: Asker) -> UploadRow:
        """The upload as it stands, and the worker asked for it where that is still to be done: a process that died, or
        could not write, at the end of the upload did not."""
        row = self.as_answered(upload_id)
        wish = row.import_requested
        if wish is None or wish.error or row.request or not row.complete:
            return row
        self.go_on(row, asker)
        return self._uploads.get(upload_id)

    def as_answered(self, upload_id: str) -> UploadRow:
        """The upload as it stands. A request that the worker refused, or that led to an update which ended otherwise
        than well, is none any more: the words of it are kept as the error, and the upload is free."""
        row = self._uploads.get(upload_id)
        refusal = self._refusal(row)
        return row if refusal is None else self.note_request(row, request=None, error=refusal)

    def unfinished(self, username: str) -> list[UploadRow]:
        """The uploads that this person began and can go on with: the worker was not asked, or nothing came of it."""
        return [
            row
            for row in self._store.uploads_of(username, self.clock())
            if row.verdict != "refused" and (not row.request or self._refusal(row) is not None)
        ]

    def in_use(self) -> set[str]:
        """The uploads that the worker was asked to install, and that it has not finished with."""
        return {row.id for row in self._store.uploads() if row.request and not self._is_done_with(row.request)}

    def _is_done_with(self, request: int) -> bool:
        answer = self._reader.answer(request)
        if answer is None:
            return False
        update = None if answer["update_id"] is None else self._reader.update(answer["update_id"])
        return update is None or UpdateStatus(update["status"]).is_final

    def _refusal(self, row: UploadRow) -> str | None:
        answer = self._reader.answer(row.request) if row.request else None
        if answer is None:
            return None
        return self._bad_end(answer["update_id"]) if answer["accepted"] else str(answer["message"])

    def _bad_end(self, update_id: int | None) -> str | None:
        """How the update ended, where it did otherwise than well: its archive can be imported again, or deleted."""
        update = None if update_id is None else self._reader.update(update_id)
        if update is None:
            return None
        status = UpdateStatus(update["status"])
        if not status.is_final or status is UpdateStatus.SUCCEEDED:
            return None
        why = f" : {update['failure']}" if update["failure"] else ""
        return f"la mise à jour n° {update_id} ({STATUS_LABELS[status]}) n'a pas abouti{why}"

    def _ask_worker(self, upload_id: str, asker: Asker) -> int | None:
        """The number of the one request made of the worker; None where the time has not come, or another is just
        asking.

        Its refusal is recorded with the upload, and raised. What is recorded is of whoever pressed « Importer »: the
        one whose request leads here may only have looked.
        """
        row = self.claim(upload_id)
        if row is None or row.import_requested is None:
            return self._uploads.get(upload_id).request
        wish = row.import_requested
        of_wish = replace(asker, name=wish.by, source=wish.source)
        try:
            check_asked_in_time(wish.terms.hour, self.clock())
            number = self._ask(row.id, by=wish.by, source=wish.source, terms=wish.terms)
        except SupervisorError as error:
            self.note_request(row, request=None, error=str(error))
            self._record("installation refusée", f"{row.filename} : {error}", of_wish, allowed=False)
            raise
        self.note_request(row, request=number, error=None)
        self._record("installation demandée", f"{row.filename}, demande {number}{_words(wish.terms)}", of_wish)
        return number

    # --- the wish, and its one request ------------------------------------------------------------------------

    def want(self, upload_id: str, wish: ImportWish) -> UploadRow:
        """Record that « Importer » was pressed: the worker is asked once every byte is there. Where it was asked
        already, or is being asked, nothing changes."""
        row = self._uploads.get(upload_id)
        raise_if_refused(row)
        if row.release is not None and row.release.product == OWN_PRODUCT:
            check_own_hour(wish.terms.switch_at)
        if row.notice_read_at is None:
            raise RefusedError("lisez d'abord la notice et cochez « J'ai lu la notice »", code="notice_not_read")
        if row.request or self._is_being_asked(row):
            return row
        return self._store.swap_import_requested(row, wish) or self._uploads.get(upload_id)

    def claim(self, upload_id: str) -> UploadRow | None:
        """The upload, for the one caller who is to ask the worker for it now and to note what became of that.

        None where « Importer » was not pressed, bytes are missing, or the worker was asked or is being asked.
        """
        row = self._uploads.get(upload_id)
        wish = row.import_requested
        if wish is None or not row.complete or row.request or self._is_being_asked(row):
            return None
        return self._store.swap_import_requested(row, replace(wish, claimed_at=self.clock()))

    def note_request(self, row: UploadRow, *, request: int | None, error: str | None) -> UploadRow:
        """Record the number of the request made of the worker, or why there is none: it can be asked for again.

        Nothing changes where something else was recorded since `row` was read.
        """
        if row.import_requested is None:
            raise ValueError(f"nobody asked for the installation of {row.id}")
        wish = replace(row.import_requested, request=request, error=error, claimed_at=None)
        begins = wish.terms.hour or self.clock()
        expires_at = begins + LIFETIME_ONCE_REQUESTED if request else row.expires_at
        return self._store.swap_import_requested(row, wish, expires_at=expires_at) or self._uploads.get(row.id)

    def _is_being_asked(self, row: UploadRow) -> bool:
        wish = row.import_requested
        return wish is not None and wish.claimed_at is not None and self.clock() - wish.claimed_at < CLAIM_LASTS

    def _record(self, action: str, detail: str, asker: Asker, *, allowed: bool = True) -> None:
        self._store.record_action(
            action, actor=asker.name, now=self.clock(), address=asker.address, detail=detail, allowed=allowed
        )


def _words(terms: Terms) -> str:
    words = []
    if terms.switch_at:
        words.append(f"préparée aussitôt, bascule le {terms.switch_at.isoformat()}")
    elif terms.start_at:
        words.append(f"pour le {terms.start_at.isoformat()}")
    if terms.validate:
        words.append("à valider avant l'ouverture")
    return "".join(f", {word}" for word in words)
