"""The phases of an update of this very program: the platform is not touched, and a unit of its own ends the work.

`stage` puts the new version beside this one, orders the change, and waits for its end: first in this program, which is
stopped meanwhile, then in the one that the unit leaves running.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from ospi_supervisor import __version__
from ospi_supervisor.archive.layout import MANIFEST
from ospi_supervisor.archive.notices import keep_notice
from ospi_supervisor.archive.reader import Archive
from ospi_supervisor.archive.refusals import altered
from ospi_supervisor.archive.staging import stage
from ospi_supervisor.archive.trust import Trust
from ospi_supervisor.config.tables import Config
from ospi_supervisor.deployment.releases import Releases
from ospi_supervisor.domain.acceptance import check_own
from ospi_supervisor.domain.events import Level
from ospi_supervisor.domain.lifecycle import OWN_PHASES, Phase
from ospi_supervisor.domain.manifest import Manifest
from ospi_supervisor.errors import HookError, PlatformError, WorkerStoppingError, in_words
from ospi_supervisor.phases.archives import open_archive
from ospi_supervisor.phases.base import Facts, PhaseWork, Registry, Run
from ospi_supervisor.phases.release import archive_facts, manifest_of
from ospi_supervisor.platform.own_program import Outcome, OwnProgram
from ospi_supervisor.system.files import sync_tree

POLL_SECONDS = 0.1
WRITTEN = 50
"""How much of the bar of `stage` is for writing the tree, in percent."""


@dataclass(frozen=True)
class OwnParts:
    """What these phases are made of."""

    config: Config
    program: OwnProgram
    clock: Callable[[], datetime]
    stopping: Callable[[], bool]
    forget_archive: Callable[[Run], None]

    @property
    def releases(self) -> Releases:
        """The versions of this program."""
        return Releases(self.program.root)

    def open(self, run: Run) -> Archive:
        """The archive, its header and index proven."""
        trust = Trust.load(self.config.trust.root, self.config.paths.trust_dir)
        return Archive.read(open_archive(self.config.paths, run.request.archive), trust, self.clock())


@dataclass(frozen=True)
class _Nothing:
    """Undo has nothing to take back."""

    of: OwnParts

    def undo(self, run: Run) -> None:
        """Nothing was changed."""


class _Verify(_Nothing):
    """Proves the archive, as that of the platform is."""

    def do(self, run: Run) -> Facts:
        """ArchiveError where it is refused."""
        with self.of.open(run) as archive:
            header = archive.header
            check_own(header.manifest, __version__, free=self.of.program.free_bytes())
            for _ in archive.entries(None):
                run.check()
            archive_root = self.of.config.paths.trust_dir
            Trust.load(self.of.config.trust.root, archive_root).save(archive_root, header.newest_root)
            try:
                keep_notice(archive, self.of.config.paths.notices_dir)
            except OSError as error:
                run.journal(Level.WARNING, f"La notice n'a pas pu être gardée : {in_words(error)}.")
            run.journal(Level.INFO, f"Archive authentique : Superviseur {header.manifest.version}.")
            return archive_facts(header)


class _Prerequisites(_Nothing):
    """That the change can be carried out here."""

    def do(self, run: Run) -> Facts:
        """PlatformError where it cannot."""
        self.of.program.check()
        return {}


class _Stage(_Nothing):
    """Puts the version beside this one, and has it take this one's place."""

    def do(self, run: Run) -> Facts:
        """The version of the archive runs. HookError where it did not come up: the old one is back then."""
        manifest, program = manifest_of(run), self.of.program
        ended = program.outcome(run.request.id)
        if ended is None and not program.is_ordered():
            self._place(run, manifest)
            run.remember(version=manifest.version)
            run.journal(Level.INFO, "Le Superviseur change de version : ses pages s'absentent quelques secondes.")
            program.order(run.request.id, run.request.from_version, manifest.version)
            self._begin()
        elif ended is None:  # a stop or a cut came in between: the unit may be at it, and the order stands
            with suppress(PlatformError):
                program.begin()
        if ended is None:
            ended = self._wait(run)
        if ended.reason is not None:
            raise HookError(f"{ended.reason} ; la version {run.request.from_version} est revenue, avec ses données")
        return {"version": manifest.version}

    def _place(self, run: Run, manifest: Manifest) -> None:
        releases = self.of.releases
        releases.remove(manifest.version)
        with self.of.open(run) as archive:
            if archive.manifest != manifest:
                raise altered(MANIFEST, "ce n'est plus l'archive qui a été vérifiée")
            stage(
                archive,
                releases.staging(manifest.version),
                None,
                progress=lambda percent: run.progress(percent * WRITTEN / 100, "Écriture de la nouvelle version"),
                check=run.check,
                hard_links=False,
            )
        releases.publish(manifest.version)
        run.progress(WRITTEN, "Préparation du programme")
        self.of.program.prepare(manifest.version)
        sync_tree(releases.path(manifest.version))

    def _begin(self) -> None:
        """PlatformError where nobody will carry the order out: it is taken back then."""
        try:
            self.of.program.begin()
        except PlatformError:
            self.of.program.withdraw()
            raise

    def _wait(self, run: Run) -> Outcome:
        """Until the unit is done, whichever program it leaves running; WorkerStoppingError where it stops this one."""
        program = self.of.program
        while (ended := program.outcome(run.request.id)) is None:
            if self.of.stopping():
                raise WorkerStoppingError("le Superviseur s'arrête pour changer de version")
            time.sleep(POLL_SECONDS)
        return ended

    def undo(self, run: Run) -> None:
        """Delete the version, unless it is the one that runs."""
        version = run.facts(Phase.STAGE).get("version")
        if version is not None and version != self.of.releases.current():
            self.of.releases.remove(version)


class _CleanUp(_Nothing):
    """Keeps the version that runs and the one before it."""

    def do(self, run: Run) -> Facts:
        """Older ones and the archive are gone."""
        kept = {self.of.releases.current(), run.request.from_version}
        for version in self.of.releases.versions():
            if version not in kept:
                self.of.releases.remove(version)
        self.of.forget_archive(run)
        return {}


def make_own_registry(parts: OwnParts) -> Registry:
    """The phases that such an update has; the others are skipped."""
    works: dict[Phase, PhaseWork] = {
        Phase.VERIFY: _Verify(parts),
        Phase.PREREQUISITES: _Prerequisites(parts),
        Phase.STAGE: _Stage(parts),
        Phase.CLEANUP: _CleanUp(parts),
    }
    return Registry(works, skipped=frozenset(Phase) - frozenset(OWN_PHASES))
