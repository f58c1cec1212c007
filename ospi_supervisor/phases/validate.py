"""Phase `validate`, where it was asked for: the page stays up for all but a link's holders, until somebody decides.

Undo: the link goes, and the journal says what was written meanwhile. What was decided stands in the update's record,
once and for good; a stop of the worker only interrupts the wait, with the same hour at its end.
"""

import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from ospi_supervisor.backup.changes import Changes
from ospi_supervisor.domain.events import Level
from ospi_supervisor.domain.lifecycle import Phase
from ospi_supervisor.domain.validation import OPENED_BY_RULE, Decision, Verdict, why_back
from ospi_supervisor.errors import NotOpenedError
from ospi_supervisor.phases.base import Facts, PhaseWork, Run
from ospi_supervisor.phases.parts import Parts
from ospi_supervisor.phases.release import manifest_of
from ospi_supervisor.phases.stop import start_what_ran
from ospi_supervisor.platform.health import Health
from ospi_supervisor.platform.invitations import Invitations
from ospi_supervisor.platform.services import Services

UNTIL = "until"
"""The fact that is the hour at which the rule decides, ISO 8601."""
CHANGES = "changes"
"""The fact that says what was written since the door closed, in words."""
POLL_SECONDS = 0.5
COUNT_SECONDS, COUNT_SHARE = 20.0, 20
"""What was written is counted so often, and at most a twentieth of the time."""


@dataclass(frozen=True)
class Validate:
    """Waits `minutes` for a decision, then takes `otherwise`."""

    invitations: Invitations
    services: Services
    health: Health
    health_timeout: float
    clock: Callable[[], datetime]
    minutes: int
    otherwise: Verdict
    count: Callable[[], Changes]

    def do(self, run: Run) -> Facts:
        """NotOpenedError where the old release is to come back; PlatformError where no link can be made, or the
        platform does not come back after a stop of the worker."""
        facts = run.facts(Phase.VALIDATE)
        if UNTIL in facts:  # the worker was stopped meanwhile, and its recovery has stopped the services
            until = datetime.fromisoformat(facts[UNTIL])
            start_what_ran(self.services, run, but_late=True)
            self.health.wait(manifest_of(run).version, self.health_timeout, run.check)
        else:
            until = self.clock() + timedelta(minutes=self.minutes)
            run.remember(**{UNTIL: until.isoformat()})
        with ExitStack() as stack:
            stack.callback(self.invitations.withdraw)
            self.invitations.issue()
            self._announce(run, until)
            decision = self._decision(run, until)
        if decision.verdict is Verdict.GO_BACK:
            raise NotOpenedError(why_back(decision, until))
        if not decision.by:
            run.journal(Level.WARNING, OPENED_BY_RULE)
        return {}

    def _announce(self, run: Run, until: datetime) -> None:
        run.journal(
            Level.INFO,
            "La nouvelle version peut être validée : la page de maintenance reste en place pour tous, sauf pour qui a"
            f" le lien, jusqu'au {until.astimezone():%d/%m/%Y à %H:%M} au plus tard.",
        )

    def _decision(self, run: Run, until: datetime) -> Decision:
        count, next_count = self.count(), time.monotonic()
        while (decision := self._decided(run, until)) is None:
            if time.monotonic() >= next_count:
                began = time.monotonic()
                self._count(run, until, count)
                next_count = time.monotonic() + max(COUNT_SECONDS, COUNT_SHARE * (time.monotonic() - began))
            run.check()
            time.sleep(POLL_SECONDS)
        return decision

    def _decided(self, run: Run, until: datetime) -> Decision | None:
        late = self.clock() >= until
        return run.decision(Decision(verdict=self.otherwise) if late else None)

    def _count(self, run: Run, until: datetime, changes: Changes) -> None:
        """Record what was written so far, unless somebody decides meanwhile."""
        looked = time.monotonic()

        def tick() -> None:
            nonlocal looked
            if time.monotonic() - looked > POLL_SECONDS:
                looked = time.monotonic()
                if self._decided(run, until) is not None:
                    raise _DecidedError

        with suppress(_DecidedError):
            words = changes.words(tick)
            if words != run.facts(Phase.VALIDATE).get(CHANGES):
                run.remember(**{CHANGES: words})

    def _tell_losses(self, run: Run) -> None:
        if words := run.facts(Phase.VALIDATE).get(CHANGES):
            run.journal(Level.WARNING, f"Écrit derrière la page, et perdu au retour : {' ; '.join(words)}.")

    def undo(self, run: Run) -> None:
        """PlatformError where the link cannot be taken away; else what is lost is said, also after a crash."""
        self.invitations.withdraw()
        self._tell_losses(run)


class _DecidedError(Exception):
    """Somebody decided while what was written was counted."""


def make(parts: Parts) -> PhaseWork:
    """The phase, of its parts."""
    table = parts.config.validation
    return Validate(
        invitations=parts.invitations,
        services=parts.services,
        health=parts.health,
        health_timeout=parts.config.platform.health_timeout,
        clock=parts.clock,
        minutes=table.minutes,
        otherwise=table.without_decision,
        count=lambda: Changes(parts.databases, parts.config.platform.data_dirs),
    )
