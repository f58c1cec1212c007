"""Phase `rehearse`: what follows is played on a twin of the platform, made of the snapshot that was just taken. Undo:
nothing, a twin leaves nothing."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from ospi_supervisor.config.tables import Config
from ospi_supervisor.domain.command_line import command_line
from ospi_supervisor.domain.events import Level
from ospi_supervisor.domain.lifecycle import Phase
from ospi_supervisor.domain.plan import full_snapshot_id
from ospi_supervisor.domain.rehearsal import Mode, Outcome, Verdict
from ospi_supervisor.domain.unlock import Challenge
from ospi_supervisor.errors import RefusedError
from ospi_supervisor.phases.base import Facts, PhaseWork, Run
from ospi_supervisor.phases.parts import Parts
from ospi_supervisor.phases.release import INTERPRETERS, manifest_of
from ospi_supervisor.phases.stop import RUNNING
from ospi_supervisor.rehearsal.place import sweep
from ospi_supervisor.rehearsal.play import Asked, Rehearsal

NONCE_BYTES = 10
NOBODYS = 0
"""The number of the update that a rehearsal from the shell is not."""
NEVER = "la configuration n'en demande pas (rehearsal.mode)"


@dataclass(frozen=True)
class Rehearse:
    """Plays the update where the configuration does not say never."""

    config: Config
    rehearsal: Rehearsal
    pardon: Callable[[str, str, int], str | None]

    def do(self, run: Run) -> Facts:
        """What was proven and what was not. RefusedError where the update failed on a twin; and, where rehearsals are
        required, where it could not be played."""
        mode = self.config.rehearsal.mode
        if mode is Mode.NEVER:
            return Verdict(outcome=Outcome.NOT_REHEARSED, reason=NEVER).facts
        manifest = manifest_of(run)
        if (by := self.pardon(manifest.product, manifest.version, run.request.id)) is not None:
            run.journal(Level.WARNING, f"Répétition passée, une fois : code du support, donné par {by}.")
            return Verdict(outcome=Outcome.NOT_REHEARSED, reason=f"passée par le code du support ({by})").facts
        run.log("--- répétition générale ---\n")
        verdict = self.rehearsal.play(self._asked(run), run)
        run.log("--- fin de la répétition ---\n")
        run.remember(**verdict.facts)
        _tell(verdict, run)
        if verdict.outcome is Outcome.REFUSED:
            self._offer_pardon(run)
            raise RefusedError(
                f"la mise à jour échoue sur le double de la plateforme : {verdict.reason} ; rien n'a changé,"
                " transmettez ce message au support",
                code="rehearsal",
            )
        if verdict.outcome is Outcome.NOT_REHEARSED and mode is Mode.REQUIRED:
            raise RefusedError(
                f"la mise à jour n'a pas pu être répétée, et rehearsal.mode l'exige : {verdict.reason}",
                code="not_rehearsed",
            )
        return verdict.facts

    def _offer_pardon(self, run: Run) -> None:
        """The support may know that the twin is wrong: its code lets this refusal pass, once."""
        if run.request.id == NOBODYS:
            return
        manifest, nonce = manifest_of(run), secrets.token_hex(NONCE_BYTES)
        run.remember(nonce=nonce)
        asked = Challenge(product=manifest.product, version=manifest.version, update_id=run.request.id, nonce=nonce)
        run.journal(
            Level.INFO,
            f"Le support peut laisser passer une répétition : envoyez-lui {asked}, puis donnez son code par"
            f" « {command_line('unlock CODE')} ».",
        )

    def _asked(self, run: Run) -> Asked:
        return Asked(
            snapshot_id=full_snapshot_id(run.request.id),
            manifest=manifest_of(run),
            from_version=run.request.from_version,
            update_id=run.request.id,
            log_folder=run.log_path.parent,
            running=run.facts(Phase.PREREQUISITES).get(RUNNING),
            interpreters=tuple(run.facts(Phase.VERIFY).get(INTERPRETERS, {}).values()),
        )

    def undo(self, run: Run) -> None:
        """Sweep up what a killed worker may have left."""
        sweep(self.config)


def _tell(verdict: Verdict, run: Run) -> None:
    if verdict.outcome is Outcome.REHEARSED:
        run.journal(Level.INFO, f"Répétition réussie : {verdict.words}.")
    else:
        run.journal(Level.INFO, f"Joué en répétition : {verdict.words or 'rien'}.")
    if verdict.outcome is Outcome.NOT_REHEARSED:
        run.journal(Level.WARNING, f"Mise à jour non répétée : {verdict.reason}.")
    for limit in verdict.limits:
        run.journal(Level.INFO, f"Répétition : {limit}.")


def make(parts: Parts) -> PhaseWork:
    """The phase, of its parts."""
    return Rehearse(parts.config, Rehearsal(parts.config, parts.releases), parts.pardon)
