"""Archives on their way in: the one intake of the resumable upload, of the plain form and of the shell.

Bytes are durable before their offset is recorded. What the header can refuse is refused as soon as the header is
there, and each further member is held against its signature as it arrives; a refused archive's bytes go at once.
Once the header is accepted both happen while the next slices arrive; a cut of the power, or of this process, costs
the moment's bytes that were not recorded yet, which the client sends again.
"""

import os
import secrets
from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from ospi_supervisor.archive.header import Header, read_member
from ospi_supervisor.archive.trust import Trust
from ospi_supervisor.config.tables import Config
from ospi_supervisor.domain import words
from ospi_supervisor.errors import RefusedError, on_one_line
from ospi_supervisor.operations.disk_room import check_room, refusing_what_the_disk_refuses
from ospi_supervisor.operations.examination import NOTICE, Examiner, Verdicts
from ospi_supervisor.operations.write_behind import OneAtATime, WriteBehind
from ospi_supervisor.store.web_rows import UploadRow
from ospi_supervisor.store.web_store import WebStore
from ospi_supervisor.system.files import copy_durably, fsync_dir, give_to_owner_of_folder, reserve, sync_data, write_at

LIFETIME = timedelta(days=2)
"""How long an upload waits for its next slice, or for « Importer »."""

AHEAD_MAX_BYTES = 64 * 1024 * 1024
"""How much may have arrived that is not durable yet."""


class Uploads:
    """All uploads of this server."""

    def __init__(
        self,
        config: Config,
        store: WebStore,
        *,
        trust: Callable[[], Trust],
        verdicts: Verdicts,
        clock: Callable[[], datetime],
    ) -> None:
        self._folder = config.paths.uploads_dir
        self._max_bytes = config.supervisor.max_archive_bytes
        self._store = store
        self._clock = clock
        self._examiner = Examiner(trust=trust, verdicts=verdicts, clock=clock)
        self._exclusively = OneAtATime()
        self._write_behind = WriteBehind(self._settle, AHEAD_MAX_BYTES)

    def path(self, upload_id: str) -> Path:
        """Where the bytes of that upload lie."""
        return self._folder / upload_id

    def get(self, upload_id: str) -> UploadRow:
        """The upload as it stands; RefusedError `unknown` or `expired`."""
        arrived = self._write_behind.arrived(upload_id)  # read first: what is settled meanwhile is in the row
        row = self._store.upload(upload_id)
        if row is None:
            raise RefusedError("cet envoi est inconnu ; recommencez-le", code="unknown")
        if row.expires_at < self._clock():
            raise RefusedError("cet envoi a expiré ; recommencez-le", code="expired")
        return replace(row, offset=max(row.offset, arrived))

    def create(self, filename: str, size: int, by: str) -> UploadRow:
        """A new upload of `size` bytes, whose room is kept. RefusedError `too_large` or `no_room`, before any byte."""
        row, file = self._begin(filename, size, by)
        with file, refusing_what_the_disk_refuses(self._folder):
            try:
                reserve(file.fileno(), size)
            except OSError:
                self._remove(row.id)
                raise
        return self._examine(row) if size == 0 else row

    def _begin(self, filename: str, size: int, by: str) -> tuple[UploadRow, BinaryIO]:
        """A new upload and its file, which is ours whatever stands at its path later: the folder may be another's."""
        if size > self._max_bytes:
            raise RefusedError(
                f"cette archive de {words.size(size)} dépasse la limite de ce serveur ({words.size(self._max_bytes)}) ;"
                " vérifiez le fichier choisi, ou faites relever la limite max_archive_bytes",
                code="too_large",
            )
        self._make_folder()
        check_room(self._folder, size)
        now = self._clock()
        row = UploadRow(
            id=secrets.token_hex(16),
            filename=on_one_line(filename),
            size=size,
            created_by=by,
            created_at=now,
            expires_at=now + LIFETIME,
        )
        # The row comes first: a file without a row is a leftover that `expire` removes.
        self._store.add_upload(row)
        file = os.fdopen(os.open(self.path(row.id), os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "r+b")
        try:
            fsync_dir(self._folder)
            give_to_owner_of_folder(self.path(row.id))
        except BaseException:
            file.close()
            raise
        return row, file

    def _make_folder(self) -> None:
        if not self._folder.is_dir():
            self._folder.mkdir(mode=0o700, parents=True)
            give_to_owner_of_folder(self._folder)

    def append(self, upload_id: str, offset: int, data: bytes | memoryview) -> UploadRow:
        """Add `data` at `offset`; the upload as it is then. The first slices until the header is judged, and the last
        one, are durable and examined when this returns; the others soon after, while the next arrive.

        RefusedError `in_progress` while another request works on it, `offset` where it does not begin where the last
        one ended, `too_large` beyond the announced size, `no_room` where the disk is full: what was recorded can be
        gone on with; a refused archive's own code once it was refused. A slice that reveals the refusal before this
        returns does not raise: the upload that is returned says it.
        """
        with self._exclusively(upload_id), refusing_what_the_disk_refuses(self._folder):
            row = self.get(upload_id)
            raise_if_refused(row)
            if offset != row.offset:
                raise RefusedError(f"le serveur attend la suite à l'octet {row.offset}, pas {offset}", code="offset")
            if offset + len(data) > row.size:
                raise RefusedError("davantage d'octets qu'annoncé ; recommencez l'envoi", code="too_large")
            try:
                write_at(self.path(upload_id), data, offset)
            except FileNotFoundError:  # refused since it was looked at: its bytes are gone
                raise_if_refused(self.get(upload_id))
                raise
            end = offset + len(data)
            self._write_behind.add(upload_id, offset, end)
            if row.verdict == "pending" or end == row.size:
                self._write_behind.finish(upload_id)
            return self.get(upload_id)

    def adopt_file(self, path: Path, by: str, opened: BinaryIO | None = None) -> UploadRow:
        """An upload made of a local file, copied (shared by reflink where the file system can) and examined whole.

        `opened` is that file, where whoever asks could read it before becoming an account that cannot.
        """
        try:
            with opened or path.open("rb") as source, refusing_what_the_disk_refuses(self._folder):
                size = os.fstat(source.fileno()).st_size
                row, target = self._begin(path.name, size, by)
                try:
                    with self._exclusively(row.id), target:
                        return self._examine(row, copy_durably(source, target))
                except BaseException:
                    self._remove(row.id)
                    raise
        except OSError as error:
            raise RefusedError(f"fichier {path} illisible : {error.strerror}") from error

    def abandon(self, upload_id: str) -> None:
        """Give up an upload and remove its bytes; RefusedError `in_use` once the worker was asked to install it."""
        with self._exclusively(upload_id):
            self._write_behind.finish(upload_id)
            row = self.get(upload_id)
            if row.request:
                raise RefusedError("l'installation de cette archive est déjà demandée", code="in_use")
            self._remove(upload_id)

    def has_notice(self, row: UploadRow) -> bool:
        """Whether the notice of an upload that was not refused has arrived, and is proven."""
        return self._proven_notice(row) is not None

    def notice(self, upload_id: str) -> bytes:
        """The notice (PDF), proven; RefusedError `not_yet` before its last byte is there."""
        row = self.get(upload_id)
        raise_if_refused(row)
        header = self._proven_notice(row)
        if header is None:
            raise RefusedError("la notice n'est pas encore arrivée ; patientez quelques instants", code="not_yet")
        with self.path(upload_id).open("rb") as file:
            return read_member(file, header, NOTICE)

    def _proven_notice(self, row: UploadRow) -> Header | None:
        """The header of an upload whose notice is there and proven; None where it is not, or its bytes are gone."""
        try:
            with self.path(row.id).open("rb") as file:
                header = self._examiner.header(row, file, row.offset)
        except FileNotFoundError:
            return None
        return header if header is not None and row.proven >= header.member(NOTICE).end else None

    def acknowledge_notice(self, upload_id: str, by: str) -> UploadRow:
        """Record that `by` has read the notice, now; RefusedError `not_yet` while it cannot be read."""
        row = self.get(upload_id)
        if row.notice_read_at is not None:
            return row
        self.notice(upload_id)
        return self._store.change_upload(upload_id, notice_read_at=self._clock(), notice_read_by=by)

    def expire(self, now: datetime, in_use: Collection[str] = ()) -> int:
        """Remove uploads whose time is over, and files that belong to none; how many uploads went.

        Those `in_use` stay, whatever a clock that was set says of them.
        """
        # The names come first: what is created after that is neither a leftover nor missing among the rows.
        paths = list(self._folder.iterdir()) if self._folder.is_dir() else []
        rows = self._store.uploads()
        expired = [row.id for row in rows if row.expires_at < now and row.id not in in_use]
        for upload_id in expired:
            self._remove(upload_id)
        known = {row.id for row in rows}
        for path in paths:
            if path.name not in known:
                path.unlink(missing_ok=True)
        return len(expired)

    def _settle(self, upload_id: str, offset: int) -> None:
        """Make the upload's first `offset` bytes durable, then examine and record them."""
        row = self._store.upload(upload_id)
        if row is None or row.verdict == "refused":
            return
        sync_data(self.path(upload_id))
        self._examine(row, offset)

    def _examine(self, row: UploadRow, offset: int = 0) -> UploadRow:
        """Judge what can be judged now that `offset` bytes are there; recorded in one write."""
        changes: dict[str, object] = {"offset": offset, "expires_at": self._clock() + LIFETIME}
        try:
            changes |= self._examiner.findings(row, self.path(row.id), offset)
        except RefusedError as error:
            changes |= {"verdict": "refused", "code": error.code, "reasons": [str(error)]}
        # The record comes before the bytes go: a row never lives on without them.
        row = self._store.change_upload(row.id, **changes)
        if row.verdict == "refused":
            self._forget_bytes(row.id)
        return row

    def _forget_bytes(self, upload_id: str) -> None:
        self._examiner.forget(upload_id)
        self.path(upload_id).unlink(missing_ok=True)

    def _remove(self, upload_id: str) -> None:
        self._store.remove_upload(upload_id)
        self._forget_bytes(upload_id)


def raise_if_refused(row: UploadRow) -> None:
    """RefusedError, with its reasons and its code, where the archive was refused."""
    if row.verdict == "refused":
        raise RefusedError(" ; ".join(row.reasons), code=row.code or "refused")
