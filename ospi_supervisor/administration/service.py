"""What only the worker's account may do, and does at once from the shell: adopt, the switch by hand, audits."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ospi_supervisor.administration.restoration import Restoration, Say, Tell, Wish
from ospi_supervisor.archive.tree import Difference, audit, record_tree
from ospi_supervisor.backup.inventory import Snapshot
from ospi_supervisor.backup.restore import RestoreReport
from ospi_supervisor.backup.snapshots import Snapshots
from ospi_supervisor.config.tables import Config
from ospi_supervisor.deployment.adapters import Adapters
from ospi_supervisor.deployment.installed import InstalledReleases
from ospi_supervisor.deployment.placement import check_places
from ospi_supervisor.domain.command_line import command_line
from ospi_supervisor.domain.findings import Finding
from ospi_supervisor.domain.manifest import Manifest, check_manifest
from ospi_supervisor.domain.proxies import Kind
from ospi_supervisor.domain.versions import parse_version
from ospi_supervisor.errors import BackupError, BusyError, ConfigurationError, PlatformError
from ospi_supervisor.platform.proxies import render_proxy
from ospi_supervisor.platform.units import render_units
from ospi_supervisor.system.files import fsync_dir

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
    prepared: Callable[[], int | None] = lambda: None
    """The update that is prepared and waits for its hour: it holds the turn, although nothing is locked."""

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
        self.check_nothing_prepared()
        check_places(self.config)
        with self.platform_to_ourselves():
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
        if os.path.lexists(current):
            if not current.is_dir():
                raise ConfigurationError(f"{current} n'est ni un lien ni un dossier ; déployez-y la version installée")
            release.parent.mkdir(parents=True, exist_ok=True)
            current.rename(release)
        elif not release.is_dir():  # else an adoption was cut between the two
            raise ConfigurationError(f"il n'y a rien sous {current} ; déployez-y d'abord la version installée")
        try:
            self.adapters.releases.point_to(version)
        except PlatformError:
            release.rename(current)  # the platform runs from there
            raise
        fsync_dir(current.parent)

    def maintenance(self, on: bool, *, force: bool = False) -> None:
        """Swap the page in or out by hand, and look through the public address; PlatformError that tells the state that
        is there. BusyError while an update runs.

        With `force`, an update or not, and what is asked for stays asked for, whatever users see.
        """
        if force:
            self._set_maintenance(on, force=True)
            return
        try:
            with self.platform_to_ourselves():
                self._set_maintenance(on)
        except BusyError as error:
            raise BusyError(f"{error} ; --force passe outre, et sera tracé") from error

    def write_page(self) -> None:
        """Put the pages where the reverse proxy looks for them, without showing them. PlatformError."""
        self.adapters.switch.prepare()

    def page_disagreement(self) -> str | None:
        """What was asked of the reverse proxy and what users see, where the one is not the other."""
        switch = self.adapters.switch
        return None if switch.is_seen() else switch.state()

    def _set_maintenance(self, on: bool, *, force: bool = False) -> None:
        switch = self.adapters.switch
        try:
            if on:
                switch.prepare()
                switch.show()
            elif force:
                switch.off()
                switch.confirm(False)
            else:
                switch.hide()
        except PlatformError as error:
            raise PlatformError(f"{error} ; à cet instant, {switch.state()}") from error

    def verify_release(self) -> list[Difference]:
        """How the installed release differs from its index; PlatformError where it was never recorded."""
        version = self.adapters.releases.current()
        tree = self.installed.tree(version)
        if tree is None:
            raise PlatformError(f"la version {version} n'a pas été relevée ; « {command_line(f'adopt {version}')} »")
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
        raise BackupError(f"il n'y a pas de sauvegarde « {snapshot_id} » ; « {command_line('backup list')} » les donne")

    def create_backup(self, check: Callable[[], None] = lambda: None) -> Snapshot:
        """A full backup while the platform works; BusyError while an update or a restoration runs.

        `check` is called often and may raise to stop: then nothing is left behind.
        """
        with self.lock():
            name = f"manuelle-{self.clock():%Y%m%d-%H%M%S}"
            return self.snapshots.take_full(
                name, self.adapters.releases.current(), progress=lambda percent: None, check=check
            )

    def restore(
        self, snapshot_id: str, say: Say, tell: Tell, *, with_safety: bool = True, wish: Wish | None = None
    ) -> RestoreReport:
        """Bring data and release back to a backup; see `Restoration`. BusyError while an update runs or is to."""
        snapshot = self.snapshot(snapshot_id)
        self.check_nothing_prepared()
        with self.platform_to_ourselves(), self.adapters.reboot.held():
            return Restoration(self.adapters, self.clock, say, with_safety, tell, wish or Wish()).run(snapshot)

    def check_nothing_prepared(self) -> None:
        """BusyError where an update was prepared for what is there now: data and release."""
        if (number := self.prepared()) is not None:
            raise BusyError(
                f"la mise à jour n° {number} est prête et attend son heure ; annulez-la d'abord"
                f" (« {command_line(f'cancel {number}')} »), ou attendez sa fin"
            )

    @contextmanager
    def platform_to_ourselves(self) -> Iterator[None]:
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
        from ospi_supervisor.administration.checks import run_checks  # what they look at takes long to load

        return run_checks(self.config, self.adapters)

    def figures(self) -> dict[str, str]:
        """What monitoring draws curves of, in the form of Nagios: the newest backup's age, and the room that is free on
        each folder's disk with the thresholds that updates ask for."""
        found: dict[str, str] = {}
        if snapshots := self.snapshots.list():
            found["backup_age"] = f"{(self.clock() - snapshots[-1].taken_at).total_seconds():.0f}s"
        least = self.config.prerequisites.free_disk_percent
        for name, folder in (("platform", self.config.platform.root), ("backups", self.config.backup.directory)):
            disk = shutil.disk_usage(folder)
            found[f"free_{name}"] = f"{100 * disk.free / disk.total:.1f}%;{least:g}:"
        return found

    def processes(self) -> list[Finding]:
        """Whether our own two processes live, in this program's version."""
        from ospi_supervisor.administration.checks import PROCESSES, run_checks

        return run_checks(self.config, self.adapters, PROCESSES)

    def proxy(self, server: Kind) -> str:
        """The configuration of a reverse proxy."""
        return render_proxy(server, self.config)

    def systemd_units(self, config_path: Path) -> dict[str, str]:
        """The text of each systemd unit, by its file's name."""
        return render_units(self.config, config_path)
