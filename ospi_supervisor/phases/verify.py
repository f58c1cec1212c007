"""Phase `verify`: who signed this archive, what it is, and whether it applies here. Undo: nothing."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from ospi_supervisor.archive.delta_base import check_base
from ospi_supervisor.archive.hook_heads import interpreters
from ospi_supervisor.archive.notices import keep_notice
from ospi_supervisor.archive.reader import Archive
from ospi_supervisor.archive.trust import Trust
from ospi_supervisor.config.tables import Config
from ospi_supervisor.deployment.installed import InstalledReleases
from ospi_supervisor.deployment.releases import Releases
from ospi_supervisor.domain.acceptance import check_applicable
from ospi_supervisor.domain.events import Level
from ospi_supervisor.domain.words import size
from ospi_supervisor.errors import in_words
from ospi_supervisor.phases.archives import open_archive
from ospi_supervisor.phases.base import Facts, PhaseWork, Run
from ospi_supervisor.phases.parts import Parts
from ospi_supervisor.phases.release import INTERPRETERS, archive_facts


@dataclass(frozen=True)
class Verify:
    """Proves the archive's header and index, and remembers the newest root of trust that it carried."""

    config: Config
    releases: Releases
    clock: Callable[[], datetime]

    def do(self, run: Run) -> Facts:
        """ArchiveError where the archive is refused; the facts name the product and the version.

        That a delta applies to the files of the installed release, and all that the index says, is judged here, where
        a refusal locks nothing. RefusedError where the release's place is taken.
        """
        paths = self.config.paths
        trust = Trust.load(self.config.trust.root, paths.trust_dir)
        with Archive.read(open_archive(self.config.paths, run.request.archive), trust, self.clock()) as archive:
            header = archive.header
            current = self.releases.current()
            installed = InstalledReleases(self.releases, paths)
            check_applicable(header.manifest, self.config.platform.product, current)
            installed.check_place(header.manifest.version)
            tree = installed.tree(current)
            check_base(archive, tree)
            hooks = []
            for entry in archive.entries(None if tree is None else tree.record):
                run.check()  # each is looked at: what an index asks for is refused before anything is written
                if entry.path.startswith(b"hooks/"):
                    hooks.append(entry)
            trust.save(paths.trust_dir, header.newest_root)
            self._keep_notice(archive, run)
            run.journal(
                Level.INFO,
                f"Archive authentique : {header.manifest.product} {header.manifest.version}, {size(header.size)}.",
            )
            if header.summary.expired:
                run.journal(Level.WARNING, "La signature de cette archive a dépassé sa date de validité.")
            return {**archive_facts(header), INTERPRETERS: interpreters(archive, hooks, tree)}

    def _keep_notice(self, archive: Archive, run: Run) -> None:
        """For those who read it afterwards; an update does not end for it."""
        try:
            keep_notice(archive, self.config.paths.notices_dir)
        except OSError as error:
            run.journal(Level.WARNING, f"La notice n'a pas pu être gardée : {in_words(error)}.")

    def undo(self, run: Run) -> None:
        """Nothing was changed."""


def make(parts: Parts) -> PhaseWork:
    """The phase, of its parts."""
    return Verify(parts.config, parts.releases, parts.clock)
