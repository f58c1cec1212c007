"""Runs the hooks of the release being installed: with the contract's environment, and room for what they write."""

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from ospi_supervisor.config.redaction import redactor_of
from ospi_supervisor.config.tables import Config
from ospi_supervisor.deployment.environment import environment_of_hooks
from ospi_supervisor.deployment.releases import Releases
from ospi_supervisor.domain.events import Level
from ospi_supervisor.domain.manifest import Hook, HookPhase, Manifest
from ospi_supervisor.errors import HookError, PlatformError
from ospi_supervisor.phases.base import Run
from ospi_supervisor.phases.release import account_ids, manifest_of
from ospi_supervisor.platform.hook_output import Sinks, kept_where
from ospi_supervisor.platform.hooks import run_hook
from ospi_supervisor.platform.room import RoomWatch, free_bytes

SHARED_MODE = 0o1775
"""A folder in which an account may make and remove its own, and touch nothing of another's (chmod(1), « sticky »)."""


@dataclass(frozen=True)
class ReleaseHooks:
    """Runs a release's hooks of one phase, in the order of their names, as the platform's account."""

    config: Config
    releases: Releases

    def run(self, run: Run, phase: HookPhase, first_percent: float = 0.0) -> None:
        """Run them all; HookError at the first that fails. They move the phase's bar from `first_percent` on.

        PlatformError where a disk was full meanwhile: then the failure is the machine's.
        """
        manifest = manifest_of(run)
        hooks = manifest.hooks_of(phase)
        room = RoomWatch([*self.changed_folders(run), Path(tempfile.gettempdir())])
        for position, hook in enumerate(hooks):
            run.journal(Level.INFO, f"{hook.title}…")
            share = (100 - first_percent) / len(hooks)
            try:
                with self._folders_renewable(manifest) if phase is HookPhase.STAGE else nullcontext():
                    self._run_one(run, manifest, hook, room, (first_percent + position * share, share))
            except HookError as error:
                room.look()
                if room.full is not None:
                    raise PlatformError(
                        f"plus d'espace sur le disque de {room.full} pendant un programme de la version ; libérez-en,"
                        f" puis recommencez ({error})"
                    ) from error
                raise

    def changed_folders(self, run: Run) -> list[Path]:
        """Where hooks write: the data, the folders of SQLite databases, and the new release."""
        platform = self.config.platform
        files = [table.sqlite_file.resolve() for table in platform.databases if table.sqlite_file]
        return [*platform.data_dirs, *(file.parent for file in files), self.releases.path(manifest_of(run).version)]

    def _run_one(self, run: Run, manifest: Manifest, hook: Hook, room: RoomWatch, bar: tuple[float, float]) -> None:
        first, share = bar
        release = self.releases.path(manifest.version)

        def beat() -> None:
            room.look()
            run.check()

        run_hook(
            release / "hooks" / hook.name,
            env=environment_of_hooks(
                self.config,
                self.releases,
                from_version=run.request.from_version,
                to_version=manifest.version,
                update_id=run.request.id,
            ),
            cwd=release,
            account=self.config.platform.account,
            timeout=hook.timeout,
            sinks=Sinks(
                on_progress=lambda percent, text: run.progress(first + share * percent / 100, text or hook.title),
                on_log=run.log,
                on_lines=run.output,
                # Here, where the secrets can be read: what hooks print is kept for accounts that may not read them.
                clean=redactor_of(self.config).clean_lines,
            ),
            kept=kept_where(free_bytes(run.log_path.parent)),
            beat=beat,
        )

    @contextmanager
    def _folders_renewable(self, manifest: Manifest) -> Iterator[None]:
        """While a hook of `stage` runs it may remove a writable folder and make it anew, and nothing else beside it.

        HookError where it leaves something else in their places, or beside them.
        """
        release = self.releases.path(manifest.version)
        folders = [release / name for name in manifest.writable]
        ids = account_ids(self.config.platform.account)
        if os.geteuid() != 0 or ids is None or ids[0] == 0:
            yield  # hooks run under our own account
            return
        parents = {folder.parent for folder in folders if not any(outer in folder.parents for outer in folders)}
        before = {parent: (parent.stat(), set(parent.iterdir())) for parent in parents}
        for parent in parents:
            os.chown(parent, 0, ids[1])
            parent.chmod(SHARED_MODE)
        try:
            yield
        finally:
            for parent, (facts, _) in before.items():
                os.chown(parent, facts.st_uid, facts.st_gid)
                parent.chmod(stat.S_IMODE(facts.st_mode))
        for parent, (_, names) in before.items():
            _check_only_renewed(parent, names, folders, ids[0])


def _check_only_renewed(parent: Path, before: set[Path], folders: list[Path], account: int) -> None:
    """HookError where `parent` holds what it did not, or a writable folder is no folder of the account's any more."""
    if added := sorted(set(parent.iterdir()) - before):
        raise HookError(f"le programme a écrit hors des dossiers que le manifeste lui ouvre : {str(added[0])!r}")
    for folder in folders:
        if folder.parent == parent:
            found = folder.lstat() if os.path.lexists(folder) else None
            if found is None or not stat.S_ISDIR(found.st_mode) or found.st_uid != account:
                raise HookError(f"le programme n'a pas laissé de dossier {str(folder)!r}, que le manifeste lui ouvre")
