"""The rehearsal of an archive that is not installed: an update's own phases, as far as the twin, then all is undone."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from ospi_supervisor.config.paths import StatePaths
from ospi_supervisor.deployment.tried import NOBODYS, Tried
from ospi_supervisor.domain.events import Level
from ospi_supervisor.domain.lifecycle import Phase
from ospi_supervisor.domain.rehearsal import Outcome, Verdict, verdict_of
from ospi_supervisor.domain.validation import Decision
from ospi_supervisor.errors import RefusedError
from ospi_supervisor.phases.base import Facts, PhaseWork, UpdateRequest
from ospi_supervisor.system.interruption import held

PLAYED = (Phase.VERIFY, Phase.PREREQUISITES, Phase.STAGE, Phase.BACKUP, Phase.REHEARSE)
Tell = Callable[[str], None]


@dataclass
class ShellRun:
    """The `Run` of phases that nobody records: what they say is told, what their hooks print goes to a file.

    `note` is given the version whose release is about to lie on the disk.
    """

    request: UpdateRequest
    log_path: Path
    tell: Tell
    file: IO[str]
    note: Tell
    phase: Phase = Phase.VERIFY
    known: dict[Phase, dict[str, Any]] = field(default_factory=dict)
    maintenance_started_at: datetime | None = None

    def facts(self, phase: Phase) -> Facts:
        """What that phase recorded."""
        return self.known.get(phase, {})

    def remember(self, **facts: Any) -> None:
        """Record facts of the phase at work, in memory."""
        if self.phase is Phase.STAGE and "version" in facts:
            self.note(facts["version"])
        self.known.setdefault(self.phase, {}).update(facts)

    def progress(self, percent: float, message: str = "") -> None:
        """Nobody looks at a bar."""

    def journal(self, level: Level, message: str) -> None:
        """Told at once."""
        self.tell(message)

    def log(self, text: str) -> None:
        """Kept in the file."""
        self.file.write(text)

    def output(self, lines: Sequence[str], count: int) -> None:
        """The file has them all."""

    def check(self) -> None:
        """Ctrl-C stops it."""

    def decision(self, otherwise: Decision | None = None) -> Decision | None:
        """Nothing waits for one."""
        return otherwise


@dataclass(frozen=True)
class Rehearsing:
    """Plays archives. `works` are an update's phases; `ours` holds the update lock, or raises BusyError."""

    works: Mapping[Phase, PhaseWork]
    ours: Callable[[], AbstractContextManager[None]]
    tried: Tried
    paths: StatePaths
    installed_version: Callable[[], str]
    clock: Callable[[], datetime]

    def run(self, archive: Path, person: str, tell: Tell) -> Verdict:
        """What the rehearsal of `archive` says; the platform, its backups and its releases are as before.

        RefusedError where the archive is refused, or fails on the twin; BusyError while an update runs.
        """
        log = self.paths.logs_dir / "repetition.log"
        request = UpdateRequest(
            id=NOBODYS,
            archive=archive.absolute(),
            source="shell",
            requested_by=person,
            from_version=self.installed_version(),
            started_at=self.clock(),
        )
        with self.ours(), closing(log.open("w", encoding="utf-8", errors="surrogateescape")) as file:
            self.tried.remove()
            run = ShellRun(request, log, tell, file, self.tried.note)
            try:
                for phase in PLAYED:
                    run.phase = phase
                    run.remember(**self.works[phase].do(run))
            finally:
                with held(lambda: "Interrompu ; la répétition ôte d'abord ce qu'elle avait mis en place."):
                    self.works[Phase.REHEARSE].undo(run)
                    self.tried.remove()
        return verdict_of(run.facts(Phase.REHEARSE)) or Verdict(outcome=Outcome.NOT_REHEARSED)


def check_played(verdict: Verdict) -> None:
    """RefusedError where the twin could not play it all."""
    if verdict.outcome is not Outcome.REHEARSED:
        raise RefusedError(f"cette mise à jour n'a pas pu être répétée : {verdict.reason}", code="not_rehearsed")
