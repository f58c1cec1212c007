"""Phase 1, `verify`: who signed this archive, what it is, and whether it applies here. Undo: nothing."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from ospi_supervisor.archive.base import check_base
from ospi_supervisor.archive.reader import Archive
from ospi_supervisor.archive.trust import Trust
from ospi_supervisor.config import Config
from ospi_supervisor.domain.acceptance import check_applicable
from ospi_supervisor.domain.words import size
from ospi_supervisor.phases.base import Facts, Level, Run
from ospi_supervisor.phases.release import InstalledReleases, manifest_facts
from ospi_supervisor.platform.releases import Releases


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
        with Archive.open(run.request.archive, trust, self.clock()) as archive:
            header = archive.header
            current = self.releases.current()
            installed = InstalledReleases(self.releases, paths)
            check_applicable(header.manifest, self.config.platform.product, current)
            installed.check_place(header.manifest.version)
            tree = installed.tree(current)
            check_base(archive, tree)
            for _ in archive.entries(None if tree is None else tree.record):
                run.check()  # each is looked at: an index that is refused later would lock the version
            trust.save(paths.trust_dir, header.newest_root)
            run.journal(
                Level.INFO,
                f"Archive authentique : {header.manifest.product} {header.manifest.version}, {size(header.size)}.",
            )
            if header.summary.expired:
                run.journal(Level.WARNING, "La signature de cette archive a dépassé sa date de validité.")
            return {
                "product": header.manifest.product,
                "version": header.manifest.version,
                "manifest": manifest_facts(header.manifest),
                "size": header.size,
                "expired": header.summary.expired,
            }

    def undo(self, run: Run) -> None:
        """Nothing was changed."""
