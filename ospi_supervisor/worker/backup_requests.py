"""The worker's side of « Sauvegardes »: what there is, published for the page, and « Sauvegarder maintenant »."""

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from ospi_supervisor.backup.inventory import Snapshot
from ospi_supervisor.backup.quarantines import Quarantine, noted
from ospi_supervisor.backup.snapshots import Snapshots
from ospi_supervisor.domain.words import size
from ospi_supervisor.errors import BackupError, BusyError, RefusedError, SupervisorError, WorkerStoppingError
from ospi_supervisor.store.engine_store import EngineStore
from ospi_supervisor.store.published import PublishedStore
from ospi_supervisor.store.topics import BACKUPS, DATA_WEIGHT, BackupRow, BackupsDocument, QuarantineRow
from ospi_supervisor.store.web_rows import RequestRow

REQUEST_LIFETIME = timedelta(minutes=15)
"""A request that waited for longer (the worker was down) is refused: « maintenant » is over."""

WEIGHT_LASTS = timedelta(hours=1)
"""The data are weighed no more often: each of their files is looked at."""


@dataclass
class BackupRequests:
    """One backup at a time, in the calling thread.

    `take` makes a full one under the update lock (BusyError); it is given what to call often, which raises
    WorkerStoppingError when the worker stops: the request is then taken up by the next worker.
    """

    engine: EngineStore
    published: PublishedStore
    snapshots: Snapshots
    directory: Path
    take: Callable[[Callable[[], None]], Snapshot]
    clock: Callable[[], datetime]
    stopping: Callable[[], bool]
    failed: Callable[[str], None] = lambda _words: None
    """Hears of a backup that was begun and did not come about: whoever asked for it may be gone."""
    _mutex: threading.Lock = field(default_factory=threading.Lock)
    _at_work: int | None = None
    _weighed_at: datetime | None = None

    def keep_house(self) -> None:
        """Each minute: publish what there is and, from time to time, what the data weigh. BackupError where they
        cannot be weighed: what was published before stands, and the next try is as far away as after a success."""
        self.publish()
        now = self.clock()
        due = self._weighed_at is None or now - self._weighed_at >= WEIGHT_LASTS
        if due and self.engine.under_way() is None:  # an update needs the disks for itself
            self._weighed_at = now  # before it begins: it may take longer than the minute
            self._publish_weight()

    def _publish_weight(self) -> None:
        try:
            weight = self.snapshots.estimate(self._check)
        except WorkerStoppingError:
            return
        self.published.publish(DATA_WEIGHT, weight, self.clock())

    def publish(self) -> None:
        """Tell the pages what there is, and what room is left."""
        disk = shutil.disk_usage(self.directory)
        document = BackupsDocument(
            snapshots=[_row(snapshot) for snapshot in reversed(self.snapshots.list())],
            unusable=list(self.snapshots.unusable()),
            quarantines=[_set_aside(one) for one in reversed(noted(self.directory))],
            at_work=self._at_work is not None,
            free=disk.free,
            total=disk.total,
        )
        self.published.publish(BACKUPS, document, self.clock())

    def answer(self, request: RequestRow) -> None:
        """Make the backup that is asked for and answer, unless that was done or is being done."""
        try:
            with self._turn(request.id) as ours:
                if not ours or self.engine.is_answered(request.id):
                    return
                self.publish()
                self._make(request)
        except WorkerStoppingError:
            return
        except SupervisorError as error:
            self.engine.answer(request.id, accepted=False, message=str(error), now=self.clock())
            if not isinstance(error, RefusedError):  # which is told at once, on the page
                self.failed(str(error))
        else:
            self.engine.answer(request.id, accepted=True, now=self.clock())
        self.publish()

    def _make(self, request: RequestRow) -> None:
        if self.clock() - request.requested_at > REQUEST_LIFETIME:
            raise RefusedError("cette demande a trop attendu ; refaites-la")
        needed, free = self.snapshots.estimate().total, shutil.disk_usage(self.directory).free
        if needed > free:
            raise BackupError(
                f"il faut jusqu'à {size(needed)} pour cette sauvegarde et il reste {size(free)} sur le disque des"
                " sauvegardes ; libérez de l'espace puis recommencez"
            )
        self.take(self._check)

    def _check(self) -> None:
        if self.stopping():
            raise WorkerStoppingError("le service de mise à jour s'arrête")

    @contextmanager
    def _turn(self, request_id: int) -> Iterator[bool]:
        """Whether we may work now: not where somebody is at this very request; BusyError where at another."""
        with self._mutex:
            if self._at_work == request_id:
                ours = False
            elif self._at_work is not None:
                raise BusyError("une sauvegarde est déjà en cours ; attendez sa fin")
            else:
                ours, self._at_work = True, request_id
        try:
            yield ours
        finally:
            if ours:
                self._at_work = None


def _set_aside(one: Quarantine) -> QuarantineRow:
    return QuarantineRow(at=one.at, snapshot=one.snapshot, folders=one.folders, files=one.files)


def _row(snapshot: Snapshot) -> BackupRow:
    return BackupRow(
        id=snapshot.id,
        taken_at=snapshot.taken_at,
        release=snapshot.release,
        base=snapshot.base,
        size=snapshot.size,
        data_bytes=snapshot.data_bytes,
    )
