"""What the phases share about the release being installed: its manifest, its places, its hooks."""

import os
import pwd
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from ospi_supervisor.archive.tree import InstalledTree, TreeRecord, links_refreshed
from ospi_supervisor.backup.databases import hook_environment
from ospi_supervisor.config import Config
from ospi_supervisor.domain.lifecycle import Phase
from ospi_supervisor.domain.manifest import HookPhase, Manifest
from ospi_supervisor.errors import RefusedError
from ospi_supervisor.files import write_atomically
from ospi_supervisor.phases.base import Level, Run
from ospi_supervisor.platform.hooks import run_hook
from ospi_supervisor.platform.releases import Releases
from ospi_supervisor.redaction import redactor_of
from ospi_supervisor.state_paths import StatePaths


def manifest_facts(manifest: Manifest) -> dict[str, Any]:
    """The manifest as facts of `verify`, so that later phases need the archive no more."""
    facts: dict[str, Any] = msgspec.to_builtins(manifest)
    return facts


def manifest_of(run: Run) -> Manifest:
    """The manifest that `verify` proved."""
    return msgspec.convert(run.facts(Phase.VERIFY)["manifest"], Manifest)


def record_path(paths: StatePaths, version: str) -> Path:
    """Where the record of an installed release's tree lies."""
    return paths.records_dir / f"{version}.record"


@dataclass(frozen=True)
class InstalledReleases:
    """The releases on disk together with the records of their trees."""

    releases: Releases
    paths: StatePaths

    def tree(self, version: str) -> InstalledTree | None:
        """The tree of `version` and its record; None where it was never recorded."""
        path = record_path(self.paths, version)
        return InstalledTree(self.releases.path(version), TreeRecord.load(path)) if path.exists() else None

    def check_place(self, version: str) -> None:
        """RefusedError where something lies in the place of `version` that was not put there by an update."""
        place = self.releases.path(version)
        if os.path.lexists(place) and version not in self.recorded():
            raise RefusedError(
                f"{place} existe déjà, et n'est pas d'une mise à jour de Superviseur ; déplacez-le ailleurs,"
                " puis recommencez",
                code="place",
            )

    def recorded(self) -> list[str]:
        """The versions that have a record, whether their folder is there still or not."""
        return sorted(path.stem for path in self.paths.records_dir.glob("[!.]*.record"))

    def save(self, version: str, record: TreeRecord) -> None:
        """Keep the record of `version`, durably."""
        self.paths.records_dir.mkdir(mode=0o750, parents=True, exist_ok=True)
        record.save(record_path(self.paths, version))

    def save_manifest(self, manifest: Manifest) -> None:
        """Keep the manifest of a release, for later audits."""
        self.paths.records_dir.mkdir(mode=0o750, parents=True, exist_ok=True)
        write_atomically(self._manifest_path(manifest.version), msgspec.json.encode(manifest), mode=0o640)

    def writable(self, version: str) -> tuple[str, ...]:
        """The folders of a release that its hooks write in; none for one that no archive of ours brought."""
        path = self._manifest_path(version)
        return msgspec.json.decode(path.read_bytes(), type=Manifest).writable if path.exists() else ()

    def _manifest_path(self, version: str) -> Path:
        return self.paths.records_dir / f"{version}.manifest.json"

    def remove(self, version: str) -> None:
        """Delete a release and its record; the record of the one in use stays true. PlatformError for that one."""
        current = self.releases.current()
        staying = self.tree(current)
        with links_refreshed(staying):
            self.releases.remove(version)
        if staying is not None:
            self.save(current, staying.record)
        record_path(self.paths, version).unlink(missing_ok=True)
        self._manifest_path(version).unlink(missing_ok=True)


@dataclass(frozen=True)
class ReleaseHooks:
    """Runs a release's hooks of one phase, in the order of their names, as the platform's account."""

    config: Config
    releases: Releases

    def run(self, run: Run, phase: HookPhase, first_percent: float = 0.0) -> None:
        """Run them all; HookError at the first that fails. They move the phase's bar from `first_percent` on."""
        manifest = manifest_of(run)
        hooks = manifest.hooks_of(phase)
        release = self.releases.path(manifest.version)
        # Here, where the secrets can be read: what hooks print is kept for accounts that may not read them.
        clean = redactor_of(self.config).clean
        for position, hook in enumerate(hooks):
            run.journal(Level.INFO, f"{hook.title}…")

            def on_progress(percent: float, message: str, position: int = position, title: str = hook.title) -> None:
                share = (position + percent / 100) / len(hooks)
                run.progress(first_percent + (100 - first_percent) * share, message or title)

            run_hook(
                release / "hooks" / hook.name,
                env=self._environment(run, manifest),
                cwd=release,
                account=self.config.platform.account,
                timeout=hook.timeout,
                on_progress=on_progress,
                on_line=run.output,
                beat=run.check,
                clean=clean,
            )

    def changed_folders(self, run: Run) -> list[Path]:
        """Where hooks write: the data, the folders of SQLite databases, and the new release."""
        platform = self.config.platform
        files = [table.sqlite_file.resolve() for table in platform.databases if table.sqlite_file]
        return [*platform.data_dirs, *(file.parent for file in files), self.releases.path(manifest_of(run).version)]

    def _environment(self, run: Run, manifest: Manifest) -> dict[str, str]:
        """The environment that the contract promises to hooks."""
        platform = self.config.platform
        return {
            "OSPI_PRODUCT": manifest.product,
            "OSPI_FROM_VERSION": run.request.from_version,
            "OSPI_TO_VERSION": manifest.version,
            "OSPI_RELEASE_DIR": str(self.releases.path(manifest.version)),
            "OSPI_PREVIOUS_RELEASE_DIR": str(self.releases.path(run.request.from_version)),
            "OSPI_DATA_DIRS": ":".join(str(folder) for folder in platform.data_dirs),
            "OSPI_UPDATE_ID": str(run.request.id),
            **hook_environment(platform.databases),
        }


def account_ids(account: str | None) -> tuple[int, int] | None:
    """The user and group numbers of the platform's account, or None where it is the worker's own."""
    if account is None:
        return None
    entry = pwd.getpwnam(account)
    return entry.pw_uid, entry.pw_gid
