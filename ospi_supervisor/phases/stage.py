"""Phase `stage`: build the new release beside the current one, while the platform serves. Undo: delete it."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ospi_supervisor.archive.layout import MANIFEST
from ospi_supervisor.archive.reader import Archive
from ospi_supervisor.archive.refusals import altered
from ospi_supervisor.archive.staging import stage
from ospi_supervisor.archive.tree import altered as files_altered
from ospi_supervisor.archive.tree import writable_by_others
from ospi_supervisor.archive.trust import Trust
from ospi_supervisor.config.tables import Config
from ospi_supervisor.deployment.installed import InstalledReleases
from ospi_supervisor.deployment.releases import Releases
from ospi_supervisor.domain.events import Level
from ospi_supervisor.domain.lifecycle import Phase
from ospi_supervisor.domain.manifest import HookPhase, Manifest
from ospi_supervisor.errors import HookError
from ospi_supervisor.phases.archives import open_archive
from ospi_supervisor.phases.base import Facts, PhaseWork, Run
from ospi_supervisor.phases.hooks import ReleaseHooks
from ospi_supervisor.phases.parts import Parts
from ospi_supervisor.phases.release import SEALED, account_ids, manifest_of
from ospi_supervisor.system.files import sync_tree

EXTRACTION_SHARE = 70
"""How much of the phase's bar is for writing the tree when hooks follow, in percent."""


@dataclass(frozen=True)
class Stage:
    """Writes the release's tree from the archive and from what the installed release has, then runs its hooks."""

    config: Config
    releases: Releases
    installed: InstalledReleases
    hooks: ReleaseHooks
    clock: Callable[[], datetime]

    def do(self, run: Run) -> Facts:
        """The release lies complete and durable under `releases/VERSION`, not in use."""
        manifest = manifest_of(run)
        run.remember(version=manifest.version)
        self.installed.remove(manifest.version)
        self._write_tree(run, manifest)
        self.releases.publish(manifest.version)
        self._open_writable_folders(manifest)
        self.hooks.run(run, HookPhase.STAGE, EXTRACTION_SHARE)
        sync_tree(self.releases.path(manifest.version))
        return {"version": manifest.version, SEALED: self._is_sealed(run, manifest)}

    def _is_sealed(self, run: Run, manifest: Manifest) -> bool:
        """Whether nothing but root can write to the release's files from here on: then `start` need not look at each of
        them while users wait. HookError where a hook altered one already."""
        tree = self.installed.tree(manifest.version)
        if tree is None:
            return False
        if wrong := files_altered(tree, manifest.writable, run.check):
            raise HookError(f"un programme de la version a modifié un de ses fichiers : {wrong[0]!r}")
        return self._hard_links_are_safe() and not writable_by_others(tree, manifest.writable)

    def undo(self, run: Run) -> None:
        """Delete what was staged; the installed release is never touched."""
        version = run.facts(Phase.STAGE).get("version")
        if version is not None:
            self.installed.remove(version)

    def _write_tree(self, run: Run, manifest: Manifest) -> None:
        current = self.releases.current()
        tree = self.installed.tree(current)
        if tree is None:
            run.journal(Level.INFO, f"La version {current} n'a pas été relevée : rien n'en sera repris.")
        share = EXTRACTION_SHARE if manifest.hooks_of(HookPhase.STAGE) else 100
        trust = Trust.load(self.config.trust.root, self.config.paths.trust_dir)
        with Archive.read(open_archive(self.config.paths, run.request.archive), trust, self.clock()) as archive:
            if archive.manifest != manifest:
                raise altered(MANIFEST, "ce n'est plus l'archive qui a été vérifiée")
            record = stage(
                archive,
                self.releases.staging(manifest.version),
                tree,
                progress=lambda percent: run.progress(percent * share / 100, "Écriture de la nouvelle version"),
                check=run.check,
                hard_links=self._hard_links_are_safe(),
            )
        self.installed.save(manifest.version, record)
        self.installed.save_manifest(manifest)
        if tree is not None:
            self.installed.save(current, tree.record)

    def _hard_links_are_safe(self) -> bool:
        """Files may be shared by two releases only where services and hooks, under another account, cannot
        write to them (as OSTree does)."""
        ids = account_ids(self.config.platform.account)
        return os.geteuid() == 0 and ids is not None and ids[0] != 0

    def _open_writable_folders(self, manifest: Manifest) -> None:
        """Make the folders that the manifest names writable for the platform's account.

        What lies in another is handed over first: whoever has the outer one could put a link in its place.
        """
        folders: list[Path] = [self.releases.path(manifest.version) / name for name in manifest.writable]
        for folder in folders:
            folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        if os.geteuid() == 0 and (ids := account_ids(self.config.platform.account)):
            for folder in sorted(folders, reverse=True):
                os.chown(folder, *ids)


def make(parts: Parts) -> PhaseWork:
    """The phase, of its parts."""
    return Stage(parts.config, parts.releases, parts.installed, parts.hooks, parts.clock)
