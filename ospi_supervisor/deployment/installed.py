"""The releases on disk together with the records of their trees and manifests."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import msgspec

from ospi_supervisor import __version__
from ospi_supervisor.archive.tree import InstalledTree, TreeRecord, links_refreshed, listing
from ospi_supervisor.backup.listing import weigh
from ospi_supervisor.config.paths import StatePaths
from ospi_supervisor.deployment.releases import Releases
from ospi_supervisor.domain.manifest import FORMAT, Manifest
from ospi_supervisor.errors import RefusedError
from ospi_supervisor.system.files import write_atomically
from ospi_supervisor.system.formats import Stamp, refuse_newer
from ospi_supervisor.system.mounts import mounted_below


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

    def listing_digest(self, version: str) -> str | None:
        """The sha256, in hexadecimal, of what the record of `version` lists; None where it was never recorded."""
        tree = self.tree(version)
        return None if tree is None else hashlib.sha256(listing(tree.record.items.values())).hexdigest()

    def check_place(self, version: str) -> None:
        """RefusedError where something lies in the place of `version` that was not put there by an update."""
        place = self.releases.path(version)
        if os.path.lexists(place) and version not in self.recorded():
            raise RefusedError(
                f"{place} existe déjà, et n'est pas d'une mise à jour de Superviseur ; déplacez-le ailleurs,"
                " puis recommencez",
                code="place",
            )
        if mounted := mounted_below(place):
            raise RefusedError(
                f"un disque est monté dans {place} ({mounted[0]}) : une mise à jour le viderait ; démontez-le d'abord",
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
        document = msgspec.to_builtins(manifest) | {"written_by": __version__}
        write_atomically(self._manifest_path(manifest.version), msgspec.json.encode(document), mode=0o640)

    def writable(self, version: str) -> tuple[str, ...]:
        """The folders of a release that its hooks write in; none for one that no archive of ours brought."""
        path = self._manifest_path(version)
        if not path.exists():
            return ()
        data = path.read_bytes()
        refuse_newer(msgspec.json.decode(data, type=Stamp), FORMAT, f"le manifeste {path}")
        return msgspec.json.decode(data, type=Manifest).writable

    def weigh_writable(self, version: str) -> int:
        """What the folders that the hooks of `version` write in take of the disk, in bytes. Another account writes
        there: a hand looks. BackupError names what cannot be read."""
        root = self.releases.path(version)
        return sum(_weight(root / name) for name in self.writable(version))

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


def _weight(folder: Path) -> int:
    return 0 if folder.is_symlink() or not folder.is_dir() else weigh(folder, (), lambda: None)
