"""Keeps `annonce.json`, beside the maintenance page, as users are to be told: each minute, and after each request."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from ospi_supervisor.domain.announcement import Announcement, announcement
from ospi_supervisor.domain.lifecycle import Phase, PhaseStatus, UpdateStatus
from ospi_supervisor.domain.manifest import OWN_PRODUCT
from ospi_supervisor.platform.maintenance import MaintenanceSwitch
from ospi_supervisor.store.engine_documents import UpdateDocument
from ospi_supervisor.store.engine_reader import EngineReader


@dataclass(frozen=True)
class Announcer:
    """`minutes` is how long before the hour users are told, where nobody decided otherwise for an update; `usual_page`
    how long they usually see the maintenance page, in seconds, None where that was never measured."""

    reader: EngineReader
    switch: MaintenanceSwitch
    minutes: int
    usual_page: Callable[[], float | None]
    clock: Callable[[], datetime]

    def publish(self) -> None:
        """Write it where it is another than what stands there. OSError."""
        self.switch.announce(self._due())

    def _due(self) -> Announcement | None:
        update = self._next()
        if update is None or _is_felt(update) or update["cancel_requested"]:
            return None
        text = update["start_at"] if update["status"] == UpdateStatus.SCHEDULED else update["switch_at"]
        at = None if text is None else datetime.fromisoformat(text)
        minutes = update["announce_minutes"]
        minutes = self.minutes if minutes is None else minutes
        return announcement(at, minutes, update["announcement"] or "", self.usual_page(), self.clock())

    def _next(self) -> UpdateDocument | None:
        """The update that users are to feel next, if any: one of this very program is none."""
        active = self.reader.active_update()
        under_way = None if active is None else self.reader.update(active)
        for update in (under_way, self.reader.planned_update()):
            if update is not None and update["product"] != OWN_PRODUCT:
                return update
        return None


def _is_felt(update: UpdateDocument) -> bool:
    """Whether users have lost the platform already, or the update goes back."""
    begun = {step["name"] for step in update["phases"] if step["status"] != PhaseStatus.PENDING}
    return Phase.MAINTENANCE in begun or update["failed_phase"] is not None
