"""Phase `prerequisites`: the machine and the platform are fit for this release. Undo: nothing."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from ospi_supervisor.backup.databases import Database
from ospi_supervisor.config.tables import Config
from ospi_supervisor.deployment.installed import record_path
from ospi_supervisor.deployment.looks import obstacles, obstacles_of_release
from ospi_supervisor.deployment.placement import check_places
from ospi_supervisor.domain.command_line import command_line
from ospi_supervisor.domain.events import Level
from ospi_supervisor.domain.lifecycle import Phase
from ospi_supervisor.domain.manifest import HookPhase, Manifest
from ospi_supervisor.domain.plan import DataWeight, Room, room_needed
from ospi_supervisor.domain.prerequisites import (
    Judgement,
    MachineFacts,
    Obstacle,
    Requirements,
    Verdict,
    is_refused,
    judge,
)
from ospi_supervisor.errors import PlatformError, RefusedError
from ospi_supervisor.phases.base import Facts, PhaseWork, Run
from ospi_supervisor.phases.parts import Parts
from ospi_supervisor.phases.release import INTERPRETERS, manifest_of
from ospi_supervisor.phases.stop import RUNNING
from ospi_supervisor.platform.health import Health, HealthFacts
from ospi_supervisor.platform.machine import boot_id
from ospi_supervisor.platform.services import Services

POLL_SECONDS = 1.0


@dataclass(frozen=True)
class Prerequisites:
    """Measures and judges; warnings go to the journal (the seed asks it for the memory).

    A platform that does not answer, or whose health address does not name the installed version, is waited for,
    `health_timeout` seconds at most: after a boot it may need longer than the worker. One that never does is refused:
    the way back ends with that answer.
    """

    config: Config
    measure: Callable[[Room], MachineFacts]
    weigh_data: Callable[[], DataWeight]
    services: Services
    health: Health
    databases: Sequence[Database]
    weigh_writable: Callable[[str], int]
    clock: Callable[[], datetime]
    irreplaceable: Callable[[Callable[[], None]], str | None]

    def do(self, run: Run) -> Facts:
        """RefusedError naming every rule that refuses, or the service of which nothing can be told; ConfigurationError
        where data or configuration lie in a release; BackupError where a database could not be restored.

        The facts say which services run, and in which boot of the machine, for phase `stop`.
        """
        check_places(self.config)
        manifest = manifest_of(run)
        room = room_needed(
            unpacked_bytes=manifest.unpacked_bytes,
            hooks_bytes=self._hooks_bytes(run, manifest),
            data=self.weigh_data(),
        )
        needs = Requirements(version=manifest.requires, os=manifest.os)
        facts, health = self._wait_for_platform(room, run)
        facts = replace(facts, obstacles=tuple(self._obstacles(run, manifest)))
        judgements = judge(facts, needs, self.config.prerequisites)
        _tell(judgements, run)
        if health.error is not None:
            raise RefusedError(
                f"la plateforme n'est pas en état de marche : {health.error} ; rétablissez-la, ou corrigez"
                f" platform.health_url, jusqu'à ce que « {command_line('check')} » la dise en ordre",
                code="health",
            )
        for database in self.databases:
            database.check(run.check)
        running = self._running()
        return {
            "judgements": [{"rule": item.rule, "verdict": item.verdict.value} for item in judgements],
            RUNNING: running,
            "boot": boot_id(),
        }

    def _running(self) -> list[str]:
        """What could not be stopped, nor started again on the way back, is refused while users have the platform."""
        try:
            self.services.check_hold()
            found = self.services.running()
        except PlatformError as error:
            raise RefusedError(
                f"un service de la plateforme ne peut pas être piloté : {error}", code="services"
            ) from error
        if found and not any(found.values()):
            raise RefusedError(
                "la plateforme répond, mais aucun de ses services ne fonctionne d'après leur état"
                f" ({', '.join(found)}) : rien ne l'arrêterait ; corrigez leurs commandes « status », ou complétez"
                " platform.services",
                code="services",
            )
        return [name for name, runs in found.items() if runs]

    def _hooks_bytes(self, run: Run, manifest: Manifest) -> int:
        """What the manifest declares; else what the hooks of the installed release left in it."""
        if manifest.hooks_bytes or not manifest.hooks_of(HookPhase.STAGE):
            return manifest.hooks_bytes
        return self.weigh_writable(run.request.from_version)

    def _obstacles(self, run: Run, manifest: Manifest) -> Iterator[Obstacle]:
        yield from obstacles(self.config)
        if (found := self.irreplaceable(run.check)) is not None:
            yield Obstacle(
                rule="data",
                label="Fichiers des données",
                measured=found,
                required="modifiables : le retour en arrière les remplace",
                remedy="Ôtez ces attributs (chattr), ou rétablissez le montage.",
            )
        yield from obstacles_of_release(
            self.config,
            entries=manifest.entries,
            interpreters=run.facts(Phase.VERIFY).get(INTERPRETERS, {}),
            record=record_path(self.config.paths, run.request.from_version),
            now=self.clock(),
        )

    def _wait_for_platform(self, room: Room, run: Run) -> tuple[MachineFacts, HealthFacts]:
        deadline = time.monotonic() + self.config.platform.health_timeout
        while True:
            run.check()
            facts, health = self.measure(room), self.health.check(run.request.from_version)
            if (facts.public_address_error is None and health.ok) or time.monotonic() > deadline:
                return facts, health
            time.sleep(POLL_SECONDS)

    def undo(self, run: Run) -> None:
        """Nothing was changed."""


def make(parts: Parts) -> PhaseWork:
    """The phase, of its parts."""
    return Prerequisites(
        parts.config,
        parts.measure,
        parts.snapshots.estimate,
        parts.services,
        parts.health,
        parts.databases,
        parts.installed.weigh_writable,
        parts.clock,
        parts.snapshots.irreplaceable,
    )


def _tell(judgements: list[Judgement], run: Run) -> None:
    """Warnings to the journal; RefusedError with all refusals."""
    for judgement in judgements:
        if judgement.verdict is Verdict.WARNING:
            run.journal(
                Level.WARNING,
                f"{judgement.label} : {judgement.measured}, requis {judgement.required}. {judgement.remedy}",
            )
    if is_refused(judgements):
        refusals = [
            f"{judgement.label} : {judgement.measured}, requis {judgement.required}. {judgement.remedy}"
            for judgement in judgements
            if judgement.verdict is Verdict.REFUSED
        ]
        raise RefusedError("prérequis non remplis : " + " ; ".join(refusals), code="prerequisites")
