"""What a rehearsal from the shell puts on the platform's disks, known there until it is gone: it may be killed."""

from dataclasses import dataclass
from pathlib import Path

from ospi_supervisor.backup.snapshots import Snapshots
from ospi_supervisor.config.paths import StatePaths
from ospi_supervisor.deployment.installed import InstalledReleases
from ospi_supervisor.deployment.releases import Releases
from ospi_supervisor.domain.plan import full_snapshot_id
from ospi_supervisor.system.files import fsync_dir, write_atomically

NOBODYS = 0
"""The number of an update that there is not."""


@dataclass(frozen=True)
class Tried:
    """The release and the snapshot of a rehearsal that is no update's."""

    paths: StatePaths
    releases: Releases
    snapshots: Snapshots

    def note(self, version: str) -> None:
        """Before anything of it is there: that release is nobody's. OSError."""
        write_atomically(self._note, version.encode())

    def remove(self) -> None:
        """Remove what a rehearsal left, whether it ended or was killed; a release in service meanwhile stays.

        Whoever calls it holds the update lock, and no update is prepared. PlatformError, BackupError, OSError.
        """
        if not self._note.exists():
            return
        version = self._note.read_text(encoding="utf-8")
        if version != self.releases.current():
            InstalledReleases(self.releases, self.paths).remove(version)
        self.snapshots.drop(full_snapshot_id(NOBODYS))  # by no undo of its phase, which would prune others
        self._note.unlink()
        fsync_dir(self._note.parent)

    @property
    def _note(self) -> Path:
        return self.paths.engine_dir / "repetition.version"
