"""What the worker does for the automatic update: look, judge, fetch, and hand the archive to the engine."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta, tzinfo
from random import SystemRandom

from ospi_supervisor.config.tables import Config
from ospi_supervisor.deployment.automatic import nightly_plan, run_document, server_facts
from ospi_supervisor.domain.eligibility import RunFacts, judge_run, judge_server
from ospi_supervisor.domain.hour import HourRules
from ospi_supervisor.domain.prerequisites import Judgement, Verdict
from ospi_supervisor.domain.requests import CheckRepository
from ospi_supervisor.domain.schedule import due_night, is_late
from ospi_supervisor.domain.words import clause
from ospi_supervisor.errors import (
    BusyError,
    FeedError,
    RefusedError,
    StateError,
    SupervisorError,
    in_words,
)
from ospi_supervisor.store.automatic_store import AutomaticStore
from ospi_supervisor.store.engine_rows import NewUpdate
from ospi_supervisor.store.engine_store import EngineStore
from ospi_supervisor.store.web_rows import RequestRow
from ospi_supervisor.worker.attempts import Attempts
from ospi_supervisor.worker.download import Download, Found, Target

logger = logging.getLogger(__name__)

REASON = "Mise à jour automatique : une nouvelle version est publiée."
OWN_REASON = "Mise à jour automatique : une nouvelle version du Superviseur est publiée."
REQUEST_LIFETIME = timedelta(minutes=15)
"""A request that waited for longer (the worker was down) is refused: « now » is over."""

NOTE_SECONDS = 1.0


@dataclass
class AutomaticUpdate:
    """One check or run at a time, in the calling thread.

    `admit` is the engine's: BusyError, RefusedError.
    """

    config: Config
    engine: EngineStore
    store: AutomaticStore
    admit: Callable[[NewUpdate, str], int]
    download: Download
    attempts: Attempts
    installed_version: Callable[[], str]
    zone: Callable[[], tzinfo]
    clock: Callable[[], datetime]
    hours: HourRules = field(default_factory=HourRules)
    sleep: Callable[[float], None] = time.sleep
    _mutex: threading.Lock = field(default_factory=threading.Lock)
    _at_work: str | None = None

    # --- whose turn it is -------------------------------------------------------------------------------------

    def run_if_due(self) -> None:
        """Each minute: the night's run, where it is due. What goes wrong is recorded, and tried the next night."""
        state, now = self.store.state(), self.clock()
        plan = nightly_plan(self.config, state.server_id, self.zone())
        night = due_night(plan, now, state.last_night)
        if state.activity is not None and self._at_work is None:
            self.store.note(activity=None)  # what a worker that was killed was doing
        if night is None:
            return
        try:
            with self._turn(f"night {night}") as ours:
                if ours:
                    # First of all: a night that kills the worker is not run again and again.
                    self.store.note(last_night=night)
                    self._run(night, plan.start_of(night))
        except Exception as error:  # noqa: BLE001 - whatever it is, the next night tries again
            _log(f"night of {night}", error)

    def answer(self, request: RequestRow) -> None:
        """Do what a request of ours asks for and answer it, whatever goes wrong, unless it was answered, or is being
        worked on."""
        if self.engine.is_answered(request.id):
            return
        try:
            with self._turn(f"request {request.id}") as ours:
                if not ours or self.engine.is_answered(request.id):
                    return
                update_id = self._grant(request)
        except Exception as error:  # noqa: BLE001 - somebody waits for the answer, whatever it is
            _log(f"request {request.id}", error)
            self.engine.answer(request.id, accepted=False, message=in_words(error), now=self.clock())
        else:
            self.engine.answer(request.id, accepted=True, update_id=update_id, now=self.clock())

    @contextmanager
    def _turn(self, name: str) -> Iterator[bool]:
        """Whether we may work now: not where somebody else works on the same; BusyError where on something else."""
        with self._mutex:
            ours = self._at_work != name
            if ours and self._at_work is not None:
                raise BusyError("une vérification ou un téléchargement est déjà en cours ; attendez sa fin")
            self._at_work = name
        try:
            yield ours
        finally:
            if ours:
                self._at_work = None
                try:
                    self.store.note(activity=None)
                except StateError as error:  # the next minute notes it; what was done is no less done
                    _log(name, error)

    def _grant(self, request: RequestRow) -> int | None:
        if self.clock() - request.requested_at > REQUEST_LIFETIME:
            raise RefusedError("cette demande a trop attendu ; refaites-la")
        if request.kind == CheckRepository.kind:
            self.download.check()
            return None
        return self._run(None, None)

    # --- a run ------------------------------------------------------------------------------------------------

    def _run(self, night: date | None, planned: datetime | None) -> int | None:
        """The number of the update that began; None where there was nothing to do. How it ended is recorded."""
        try:
            update_id = self._attempt(planned)
        except Exception as error:
            self.store.note(last_run=run_document(self.clock(), night, in_words(error), update_id=None, ok=False))
            raise
        message = f"mise à jour n° {update_id} commencée" if update_id else "aucune nouvelle version"
        self.store.note(last_run=run_document(self.clock(), night, message, update_id=update_id, ok=True))
        return update_id

    def _attempt(self, planned: datetime | None) -> int | None:
        """As `_try`; at night, what may pass is tried again until the night is over, ever more rarely."""
        for wait in waits():
            try:
                return self._try(planned)
            except FeedError as error:
                if planned is None or not error.later or is_late(planned, self.clock() + timedelta(seconds=wait)):
                    raise
                _log("tried again later in the night", error)
            self._pause(wait)
        raise AssertionError  # the waits have no end

    def _pause(self, seconds: float) -> None:
        """Wait so long, unless the worker is asked to stop meanwhile: WorkerStoppingError."""
        while seconds > 0:
            self.download.check_going_on()
            self.sleep(min(seconds, 1.0))
            seconds -= 1.0

    def _try(self, planned: datetime | None) -> int | None:
        """One update, this very program's first: the platform's may ask for it, and comes another time."""
        self._check_server()
        found = self.download.check(by_hand=planned is None)
        if found.own.outlook.offer is None:
            return self._take(found, found.platform, planned)
        try:
            return self._take(found, found.own, planned)
        except (RefusedError, FeedError) as error:
            if (isinstance(error, FeedError) and error.later) or is_late(planned, self.clock()):
                raise
            _log("the supervisor's own update", error)
            update_id = self._take(found, found.platform, planned)  # it does not depend on the other
            if update_id is None:
                raise
            return update_id

    def _take(self, found: Found, target: Target, planned: datetime | None) -> int | None:
        refused = _refusals(judge_run(self._run_facts(found, target)))
        if refused:
            if not target.is_own and [judgement.rule for judgement in refused] == ["version_lock"]:
                self.download.forget_fetched()
            if found.later and [judgement.rule for judgement in refused] == ["metadata"]:
                raise FeedError(found.error, refused[0].remedy, later=True)
            raise _refusal(refused)
        offer = target.outlook.offer
        if offer is None:
            self.download.forget_fetched()
            return None
        attempt = self.attempts.prepare(offer.sha256, target.installed)
        if planned is not None:  # a person may try as often as they like
            self.attempts.check_not_sent_back(target.product, offer.version)
            self.attempts.check_worth_trying(target.product, attempt)
        update = self.download.obtain(found, target, offer)
        if is_late(planned, self.clock()):
            raise RefusedError("l'archive est arrivée trop tard dans la nuit ; elle sera installée la nuit suivante")
        self._check_server()  # the archive took hours to arrive, perhaps: somebody may have said NON meanwhile
        if planned is not None:
            self.download.check_still_wanted(offer)
        update_id = self.admit(replace(update, start_at=planned), OWN_REASON if target.is_own else REASON)
        self.attempts.note(target.product, update_id, attempt)
        return update_id

    def _check_server(self) -> None:
        """RefusedError where this server is not one that updates itself."""
        facts = server_facts(self.config.automatic_update, self.installed_version(), self.download.settings())
        refused = _refusals(judge_server(facts))
        if refused:
            raise _refusal(refused)

    def _run_facts(self, found: Found, target: Target) -> RunFacts:
        now, offer = self.clock(), target.outlook.offer
        closure = self.hours.calendar.closure(now, self.zone())
        return RunFacts(
            now=now,
            closed=closure.reason if closure else "",
            installed=target.installed,
            active_update=self.engine.under_way(),
            intervention=self.engine.awaiting_intervention(),
            fresh_until=found.catalogue.fresh_until if found.catalogue else None,
            repository_error=found.error,
            available=offer.version if offer else None,
            outlook=target.outlook if found.catalogue else None,
            locked_versions=[
                lock.version for lock in self.engine.locks() if lock.product == target.product and not lock.released
            ],
        )


def waits() -> Iterator[float]:
    """Seconds between two tries of a night, from a minute to a quarter of an hour; half of each is random, so that
    thousands of servers do not come back together."""
    longest = 60.0
    while True:
        yield longest * SystemRandom().uniform(0.5, 1.0)
        longest = min(2 * longest, 900.0)


def _log(what: str, error: Exception) -> None:
    """To the worker's journal; with its trace where nobody foresaw it."""
    logger.warning("%s: %s", what, in_words(error), exc_info=None if isinstance(error, SupervisorError) else error)


def _refusals(judgements: list[Judgement]) -> list[Judgement]:
    return [judgement for judgement in judgements if judgement.verdict is Verdict.REFUSED]


def _refusal(judgements: list[Judgement]) -> RefusedError:
    """The rules that refuse, in one sentence of the shell and the journal."""
    reasons = [f"{item.label} : {item.measured} ; {clause(item.remedy)}" for item in judgements]
    return RefusedError(" ; ".join(reasons), code="not_eligible")
