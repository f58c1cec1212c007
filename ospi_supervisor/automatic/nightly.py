"""What the worker does for the automatic update: look, judge, fetch, and hand the archive to the engine."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta, tzinfo

from ospi_supervisor.automatic.facts import (
    CHECK,
    nightly_plan,
    run_document,
    server_facts,
)
from ospi_supervisor.automatic.supply import Found, Supply
from ospi_supervisor.config import Config
from ospi_supervisor.domain.eligibility import RunFacts, judge_run, judge_server
from ospi_supervisor.domain.prerequisites import Judgement, Verdict
from ospi_supervisor.domain.schedule import due_night, is_late
from ospi_supervisor.domain.settings import AUTOMATIC_UPDATE
from ospi_supervisor.errors import (
    BusyError,
    RefusedError,
    StateError,
    SupervisorError,
    in_words,
)
from ospi_supervisor.store.automatic_store import AutomaticStore
from ospi_supervisor.store.engine_rows import NewUpdate
from ospi_supervisor.store.engine_store import EngineStore
from ospi_supervisor.store.web_rows import RequestRow

logger = logging.getLogger(__name__)

REASON = "Mise à jour automatique : une nouvelle version est publiée."
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
    supply: Supply
    installed_version: Callable[[], str]
    zone: Callable[[], tzinfo]
    clock: Callable[[], datetime]
    _mutex: threading.Lock = field(default_factory=threading.Lock)
    _at_work: str | None = None

    # --- whose turn it is -------------------------------------------------------------------------------------

    def run_if_due(self) -> None:
        """Each minute: the night's run, where it is due. What goes wrong is recorded, and tried the next night."""
        state, now = self.store.state(), self.clock()
        plan = nightly_plan(self.config.automatic_update, state.server_id, self.zone())
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
        if request.id in self.engine.answered():
            return
        try:
            with self._turn(f"request {request.id}") as ours:
                if not ours or request.id in self.engine.answered():
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
        if request.kind == CHECK:
            self.supply.check()
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
        installed = self._check_server()
        found = self.supply.check()
        refused = _refusals(judge_run(self._run_facts(installed, found)))
        if refused:
            if [judgement.rule for judgement in refused] == ["version_lock"]:
                self.supply.forget_fetched()
            raise _refusal(refused)
        if found.offer is None:
            self.supply.forget_fetched()
            return None
        update = self.supply.obtain(found, found.offer, installed)
        if is_late(planned, self.clock()):
            raise RefusedError("l'archive est arrivée trop tard dans la nuit ; elle sera installée la nuit suivante")
        self._check_server()  # the archive took hours to arrive, perhaps: somebody may have said NON meanwhile
        return self.admit(replace(update, start_at=planned), REASON)

    def _check_server(self) -> str:
        """The installed version; RefusedError where this server is not one that updates itself."""
        installed = self.installed_version()
        setting = self.store.setting(AUTOMATIC_UPDATE.name)
        refused = _refusals(judge_server(server_facts(self.config.automatic_update, installed, setting)))
        if refused:
            raise _refusal(refused)
        return installed

    def _run_facts(self, installed: str, found: Found) -> RunFacts:
        product = self.config.platform.product
        return RunFacts(
            now=self.clock(),
            installed=installed,
            active_update=self.engine.under_way(),
            intervention=self.engine.awaiting_intervention(),
            fresh_until=found.catalogue.fresh_until if found.catalogue else None,
            repository_error=found.error,
            available=found.offer.version if found.offer else None,
            locked_versions=[
                lock.version for lock in self.engine.locks() if lock.product == product and not lock.released
            ],
        )


def _log(what: str, error: Exception) -> None:
    """To the worker's journal; with its trace where nobody foresaw it."""
    logger.warning("%s: %s", what, in_words(error), exc_info=None if isinstance(error, SupervisorError) else error)


def _refusals(judgements: list[Judgement]) -> list[Judgement]:
    return [judgement for judgement in judgements if judgement.verdict is Verdict.REFUSED]


def _refusal(judgements: list[Judgement]) -> RefusedError:
    """The rules that refuse, in one sentence of the shell and the journal."""
    reasons = [f"{item.label} : {item.measured} ; {_lower(item.remedy)}" for item in judgements]
    return RefusedError(" ; ".join(reasons), code="not_eligible")


def _lower(sentence: str) -> str:
    return (sentence[:1].lower() + sentence[1:]).rstrip(".")
