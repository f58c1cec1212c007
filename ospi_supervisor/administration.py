"""What only the worker's account may do, and does at once from the shell: adopt, the switch by hand, audits."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ospi_supervisor.archive.tree import Difference, audit, record_tree
from ospi_supervisor.backup.record import Snapshot
from ospi_supervisor.backup.restore import RestoreReport
from ospi_supervisor.backup.snapshots import Snapshots
from ospi_supervisor.checks import Finding, run_checks
from ospi_supervisor.config import Config
from ospi_supervisor.domain.manifest import Manifest, check_manifest
from ospi_supervisor.domain.versions import parse_version
from ospi_supervisor.errors import BackupError, BusyError, ConfigurationError, PlatformError
from ospi_supervisor.files import fsync_dir
from ospi_supervisor.phases.places import check_nothing_precious_in_releases
from ospi_supervisor.phases.registry import Adapters
from ospi_supervisor.phases.release import InstalledReleases
from ospi_supervisor.platform.proxy import Kind, render_proxy
from ospi_supervisor.platform.systemd import render_units
from ospi_supervisor.restoration import Restoration, Say

UpdateLock = Callable[[], AbstractContextManager[None]]
"""Takes the lock that updates take; BusyError where one runs."""


@dataclass(frozen=True)
class Administration:
    """The platform's adapters in an administrator's hands."""

    config: Config
    adapters: Adapters
    lock: UpdateLock
    left_running: Callable[[], int | None]
    """The update that is recorded as running: with the lock free, its worker is down and will take it up again."""
    clock: Callable[[], datetime]

    @property
    def installed(self) -> InstalledReleases:
        """The releases and their records."""
        return InstalledReleases(self.adapters.releases, self.config.paths)

    def adopt(self, version: str, writable: tuple[str, ...] = ()) -> int:
        """Record the tree under `current` as release `version`; how many entries it has.

        What lies in the folders `writable` of the release is left out, now and in audits: the platform writes there.

        A plain folder `current`, as a first deployment has it, becomes `releases/VERSION` and a link to it: one
        rename, and the running services keep their files. ConfigurationError where `current` is neither.
        """
        parse_version(version)
        manifest = Manifest(product=self.config.platform.product, version=version, writable=writable)
        check_manifest(manifest)
        check_nothing_precious_in_releases(self.config)
        with self._platform_to_ourselves():
            releases = self.adapters.releases
            self._move_into_place(releases.link, releases.path(version), version)
            record = record_tree(releases.path(version), writable)
            self.installed.save(version, record)
            self.installed.save_manifest(manifest)
            return len(record.items)

    def _move_into_place(self, current: Path, release: Path, version: str) -> None:
        if current.is_symlink():
            if current.resolve() != release.resolve():
                raise ConfigurationError(f"{current} mène à {current.resolve()}, et non à {release} ; corrigez le lien")
            return
        if not current.is_dir():
            raise ConfigurationError(f"il n'y a rien sous {current} ; déployez-y d'abord la version installée")
        release.parent.mkdir(parents=True, exist_ok=True)
        current.rename(release)
        self.adapters.releases.point_to(version)
        fsync_dir(current.parent)

    def maintenance(self, on: bool, *, force: bool = False) -> None:
        """Swap the page in or out by hand, and look through the public address.

        BusyError while an update runs, unless forced.
        """
        if force:
            self._set_maintenance(on)
            return
        try:
            with self._platform_to_ourselves():
                self._set_maintenance(on)
        except BusyError as error:
            raise BusyError(f"{error} ; --force passe outre, et sera tracé") from error

    def _set_maintenance(self, on: bool) -> None:
        switch = self.adapters.switch
        if on:
            switch.prepare()
            switch.on()
        else:
            switch.off()
        switch.confirm(on)

    def verify_release(self) -> list[Difference]:
        """How the installed release differs from its index; PlatformError where it was never recorded."""
        version = self.adapters.releases.current()
        tree = self.installed.tree(version)
        if tree is None:
            raise PlatformError(f"la version {version} n'a pas été relevée ; « ospi-supervisor adopt {version} »")
        return audit(tree, self.installed.writable(version))

    @property
    def snapshots(self) -> Snapshots:
        """The backups."""
        return self.adapters.snapshots

    def snapshot(self, snapshot_id: str) -> Snapshot:
        """The backup of that name; BackupError where there is none that counts."""
        for snapshot in self.snapshots.list():
            if snapshot.id == snapshot_id:
                return snapshot
        raise BackupError(f"il n'y a pas de sauvegarde « {snapshot_id} » ; « ospi-supervisor backup list » les donne")

    def create_backup(self, check: Callable[[], None] = lambda: None) -> Snapshot:
        """A full backup while the platform works; BusyError while an update or a restoration runs.

        `check` is called often and may raise to stop: then nothing is left behind.
        """
        with self.lock():
            name = f"manuelle-{self.clock():%Y%m%d-%H%M%S}"
            return self.snapshots.take_full(
                name, self.adapters.releases.current(), progress=lambda percent: None, check=check
            )

    def restore(self, snapshot_id: str, say: Say, *, with_safety: bool = True) -> RestoreReport:
        """Bring data and release back to a backup; see `Restoration`. BusyError while an update runs or is to."""
        snapshot = self.snapshot(snapshot_id)
        with self._platform_to_ourselves(), self.adapters.reboot.held():
            return Restoration(self.adapters, self.clock, say, with_safety).run(snapshot)

    @contextmanager
    def _platform_to_ourselves(self) -> Iterator[None]:
        """Hold the lock; BusyError too where an update is to be taken up again: it would undo what is done here."""
        with self.lock():
            if (left := self.left_running()) is not None:
                raise BusyError(
                    f"la mise à jour n° {left} n'est pas terminée : le service de mise à jour la reprendra dès qu'il"
                    " sera démarré ; démarrez-le et attendez-en la fin"
                )
            yield

    def check(self) -> list[Finding]:
        """What is wrong, or right, with the configuration and the machine."""
        return run_checks(self.config, self.adapters)

    def proxy(self, server: Kind) -> str:
        """The configuration of a reverse proxy."""
        return render_proxy(server, self.config)

    def systemd_units(self, config_path: Path) -> dict[str, str]:
        """The text of each systemd unit, by its file's name."""
        return render_units(self.config, config_path)
