"""A prepared update before its hour: it waits, its backup is made anew shortly before, or it missed its hour.

The engine asks before `maintenance`, the first moment that users feel. Nothing is kept in memory: an update that waits
has the status `prepared`, and whoever takes it up asks again.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from ospi_supervisor.domain.closures import spoken
from ospi_supervisor.domain.events import EventKind, Level
from ospi_supervisor.domain.hour import Hour, HourRules, Turn, hour_of
from ospi_supervisor.domain.lifecycle import Phase, PhaseStatus
from ospi_supervisor.domain.requests import Source
from ospi_supervisor.engine.record import Record
from ospi_supervisor.engine.run import UpdateRun
from ospi_supervisor.errors import GivenUpError
from ospi_supervisor.store.engine_store import EngineStore

POLL_SECONDS = 0.2

AGAIN = (Phase.PREREQUISITES, Phase.BACKUP)
"""What is done again shortly before the hour."""


class PutOffError(Exception):
    """The hour that had come was changed: `turn` is to be asked again."""


@dataclass(frozen=True)
class Waiting:
    """One update's wait for its hour."""

    record: Record
    run: UpdateRun
    store: EngineStore
    rules: HourRules
    clock: Callable[[], datetime]

    def turn(self) -> Turn:
        """GO where users may lose the platform now. REFRESH: what is to be done again is recorded as not done. Else the
        update is recorded as prepared, and is to be left.

        CancelledError and WorkerStoppingError as `UpdateRun.turn_back_if_asked`, StateError where nothing can be
        written.
        """
        while True:
            self.run.turn_back_if_asked()
            hour = self._hour()
            if hour is None:
                return self._unless_closed()
            turn = self.rules.turn(hour, self.clock())
            if turn is not Turn.SOON:
                break
            time.sleep(POLL_SECONDS)
        if turn is Turn.REFRESH:
            self._do_again(hour)
        elif turn is Turn.WAIT:
            at = spoken(hour.switch_at, self.rules.zone())
            self._hold(hour, Level.INFO, f"Tout est prêt : la page de maintenance sera mise en place le {at}.")
        elif turn is Turn.MISSED:
            self._hold(None, Level.WARNING, self.rules.why_missed(hour, self.clock()))
        return turn

    def is_chosen(self) -> bool:
        """Whether somebody chose an hour for the switch: it counts, and not the one at which all of it was to begin."""
        update = self.store.load(self.record.update_id)
        return update is not None and update.switch_at is not None

    def check_still_due(self) -> None:
        """To be asked in the transaction that enters `maintenance`: PutOffError where the hour is another by now."""
        self.run.turn_back_if_asked()
        hour, now = self._hour(), self.clock()
        if self.rules.why_closed(now) if hour is None else self.rules.turn(hour, now) is not Turn.GO:
            raise PutOffError

    def _unless_closed(self) -> Turn:
        """Of an update for which nobody chose an hour: GO, unless the calendar forbids now what it allowed when it
        began. It waits then for somebody to choose one; where nobody is there, GivenUpError."""
        why = self.rules.why_closed(self.clock())
        if why is None:
            return Turn.GO
        if self.run.request.source == Source.AUTOMATIC and self.record.planned_at is not None:
            raise GivenUpError(f"{why} : la mise à jour est annulée, et une prochaine nuit la reprendra")
        self._hold(None, Level.WARNING, f"Tout est prêt, mais {why}. Choisissez une heure.")
        return Turn.MISSED

    def _hour(self) -> Hour | None:
        """The hour that is chosen now: somebody may have changed it meanwhile."""
        update = self.store.load(self.record.update_id)
        if update is None or update.switch_at is None:
            return None
        if update.wake_at is not None:
            return Hour(switch_at=update.switch_at, wake_at=update.wake_at)
        hour = choose(update.switch_at, self.record.started_at[Phase.BACKUP], self.record.ended_at[Phase.BACKUP])
        self.record.write(lambda: self.store.set_hour(self.record.update_id, hour))
        return hour

    def _do_again(self, hour: Hour) -> None:
        refreshed = Hour(switch_at=hour.switch_at, wake_at=hour.switch_at)

        def step() -> None:
            self.store.set_hour(self.record.update_id, refreshed)
            for phase in AGAIN:
                self.store.set_phase(self.record.update_id, phase, status=PhaseStatus.PENDING, percent=0.0)

        self.record.write(step)
        for phase in AGAIN:
            self.record.statuses[phase] = PhaseStatus.PENDING
        words = "L'heure approche : la sauvegarde est refaite, et les prérequis sont vérifiés de nouveau."
        self.record.journal(Phase.PREREQUISITES, Level.INFO, words)

    def _hold(self, hour: Hour | None, level: Level, message: str) -> None:
        """In one step with the line that says so: whoever follows the update looks at it anew."""
        number, phase, now = self.record.update_id, self.record.standing, self.clock()

        def step() -> None:
            self.store.hold(number, hour, now)
            self.store.add_event(number, EventKind.HOUR, phase, now, {"level": level.value, "message": message})

        self.run.flush()
        self.record.write(step)


def choose(switch_at: datetime, backup_began: datetime | None, backup_ended: datetime | None) -> Hour:
    """The hour of an update of which the backup began and ended then; None where it did not yet."""
    took = backup_ended - backup_began if backup_began and backup_ended else timedelta(0)
    return hour_of(switch_at, backup_began, max(took, timedelta(0)))
