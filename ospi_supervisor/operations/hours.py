"""The hour of an update that waits for one, and what users are told of it: asked for by the pages and the shell."""

from collections.abc import Callable
from datetime import datetime, timedelta

from ospi_supervisor.domain.closures import Closure
from ospi_supervisor.domain.hour import HourRules
from ospi_supervisor.domain.lifecycle import UpdateStatus
from ospi_supervisor.domain.requests import Announce, Asked, Asker, Reschedule, Source
from ospi_supervisor.domain.schedule import check_start
from ospi_supervisor.errors import RefusedError
from ospi_supervisor.store.engine_reader import EngineReader

Ask = Callable[[Asked, str, Source], int]
"""Writes a request of somebody's down and rings the worker; the request's number."""

HOUR_STEP = timedelta(minutes=15)


class Hours:
    """What may be asked about hours; the worker judges it anew."""

    def __init__(self, rules: HourRules, reader: EngineReader, ask: Ask, clock: Callable[[], datetime]) -> None:
        self._rules = rules
        self._reader = reader
        self._ask = ask
        self._clock = clock

    def check(self, at: datetime | None) -> None:
        """RefusedError where nothing may begin at `at`, or now; it says why, and when instead."""
        self._rules.check(at or self._clock())

    def closure(self, at: datetime) -> Closure | None:
        """Why nothing may begin at `at`, and until when; None where something may."""
        return self._rules.calendar.closure(at, self._rules.zone())

    def next_open(self, at: datetime) -> datetime:
        """The first quarter of an hour from `at` on at which something may begin, in the server's zone."""
        zone = self._rules.zone()
        open_at = self._rules.calendar.next_open(at, zone).astimezone(zone)
        past = timedelta(minutes=open_at.minute % 15, seconds=open_at.second, microseconds=open_at.microsecond)
        return open_at + (HOUR_STEP - past if past else timedelta(0))

    def reschedule(self, update_id: int, at: datetime | None, asker: Asker) -> int:
        """Ask for another hour, or None: at once; the request's number. RefusedError where the update is unknown or
        over, or the hour is over, too far away, or forbidden by the calendar."""
        self._check_waits(update_id)
        if at is not None:
            check_start(at, self._clock())
        self.check(at)
        return self._ask(Reschedule(update_id=update_id, switch_at=at), asker.name, asker.source)

    def announce(self, update_id: int, minutes: int, message: str, asker: Asker) -> int:
        """Ask that users be told so long before the hour, with these words; the request's number. RefusedError as
        above, and where the words or the time are too long."""
        self._check_waits(update_id)
        try:
            asked = Announce(update_id=update_id, minutes=minutes, message=message.strip())
        except ValueError:
            raise RefusedError(
                "l'annonce tient en 500 caractères, et paraît au plus 7 jours (10080 minutes) avant l'heure"
            ) from None
        return self._ask(asked, asker.name, asker.source)

    def _check_waits(self, update_id: int) -> None:
        update = self._reader.update(update_id)
        if update is None:
            raise RefusedError(f"il n'y a pas de mise à jour n° {update_id}", code="unknown")
        if UpdateStatus(update["status"]).is_final:
            raise RefusedError(f"la mise à jour n° {update_id} est déjà terminée", code="too_late")
