"""Taking one snapshot: write, read back, then let it count."""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ospi_supervisor.backup import record
from ospi_supervisor.backup.databases import Database
from ospi_supervisor.backup.listing import Listing, as_archived, changed, load_listing, save_listing, scan, weigh
from ospi_supervisor.backup.meter import Meter
from ospi_supervisor.backup.record import DatabaseDump, Snapshot
from ospi_supervisor.backup.tarball import Written, members_of, write_tarball
from ospi_supervisor.backup.words import shown
from ospi_supervisor.domain.plan import DataWeight
from ospi_supervisor.errors import BackupError
from ospi_supervisor.files import sync_tree
from ospi_supervisor.mounts import sync_trees

NOTED = 20
NAMED = 3


@dataclass(frozen=True)
class Source:
    """What is saved: folders, without the paths `left_out`, and databases."""

    data_dirs: Sequence[Path]
    left_out: frozenset[Path]
    databases: Sequence[Database]

    def settled_scan(self, tick: Callable[[], None]) -> Listing:
        """As `scan`, once what was written is on the disk.

        What is written through a memory map has its time when its page is first touched, and a new one only after
        that page has reached the disk: what is touched from here on is listed as changing. An increment is taken when
        nobody writes any more.
        """
        self._check_present()
        began = time.time_ns()
        sync_trees(self.data_dirs)
        return scan(self.data_dirs, self.left_out, tick, began)

    def scan(self, tick: Callable[[], None]) -> Listing:
        """The folders' present state; BackupError where one is missing (an absent mount is not an empty folder)."""
        self._check_present()
        return scan(self.data_dirs, self.left_out, tick)

    def _check_present(self) -> None:
        for folder in self.data_dirs:
            if not folder.is_dir() or folder.is_symlink():
                raise BackupError(
                    f"dossier de données {folder} introuvable : vérifiez la configuration et les montages"
                )

    def links_outside(self, tick: Callable[[], None]) -> list[Path]:
        """The links in the folders that lead to files or folders outside what is saved. BackupError as in `scan`."""
        names = (Path("/", path) for path, entry in self.scan(tick).items() if entry.kind == "link")
        return [name for name in names if self._is_data_outside(Path(os.path.realpath(name)))]

    def _is_data_outside(self, target: Path) -> bool:
        known = any(target.is_relative_to(place) for place in (*self.data_dirs, *self.left_out))
        return not known and (target.is_file() or target.is_dir())

    def weight(self, tick: Callable[[], None]) -> DataWeight:
        """The bytes of it all. BackupError as in `scan`, and where a database is missing."""
        self._check_present()
        places = {str(folder): weigh(folder, self.left_out, tick) for folder in self.data_dirs}
        places |= {str(database.path): database.size() for database in self.databases if database.path}
        return DataWeight(places=places, servers=sum(base.size() for base in self.databases if not base.path))


def take(source: Source, folder: Path, release: str, base: Path | None, meter: Meter) -> Snapshot:
    """Fill the empty `folder` with a snapshot of `source`: all of it, or what differs from the one in `base`.

    Raises BackupError, OSError and what the meter's check raises; the caller removes what was written.
    """
    taken_at = datetime.now(UTC)
    thorough = base is None
    listing = source.settled_scan(meter.tick) if base is None else source.scan(meter.tick)
    earlier = load_listing(base / record.LISTING) if base else {}
    newer = changed(earlier, listing)
    paths = [path for path in listing if path in newer]
    sizes = [database.size() for database in source.databases]
    meter.stage(0, 60, sum(listing[path].size for path in paths) + sum(sizes))
    written = write_tarball(paths, folder / record.TARBALL, meter.tick, low_priority=thorough)
    meter.advance(sum(listing[path].size for path in paths))
    databases = _dump(source.databases, sizes, folder, meter, low_priority=thorough)
    sync_tree(folder)
    meter.stage(60, 75, 1)
    parts = record.weigh(folder, meter.tick)  # as the disk gives it back; what is proven below is read from there too
    _reconcile(listing, paths, written, folder, meter, low_priority=thorough)
    for database in source.databases:
        database.prove(folder / databases[database.name].path, meter.tick, thorough=thorough)
    save_listing(listing, folder / record.LISTING)
    if base:
        _write_gone(folder / record.GONE, earlier, listing)
    sync_tree(folder)
    snapshot = Snapshot(
        id=folder.name,
        release=release,
        base=base.name if base else None,
        taken_at=taken_at,
        data_dirs=tuple(str(path) for path in source.data_dirs),
        files=len(listing),
        data_bytes=sum(entry.size for entry in listing.values()),
        databases=databases,
        parts=parts | record.weigh(folder, meter.tick, but=parts),
        notes=tuple(f"{name} a changé pendant sa lecture" for name in written.moving[:NOTED]),
        left_out=tuple(sorted(str(path) for path in source.left_out)),
    )
    record.save_record(folder, snapshot)
    return snapshot


def _dump(
    databases: Sequence[Database], sizes: Sequence[int], folder: Path, meter: Meter, *, low_priority: bool
) -> dict[str, DatabaseDump]:
    """Each database's dump below `folder`."""
    (folder / record.DATABASES).mkdir(mode=0o700)
    dumps = {}
    for database, size in zip(databases, sizes, strict=True):
        path = f"{record.DATABASES}/{database.dump_name}"
        facts = database.dump(folder / path, meter.tick, low_priority=low_priority)
        dumps[database.name] = DatabaseDump(path, facts)
        meter.advance(size)
    return dumps


def _reconcile(
    listing: Listing, paths: Sequence[str], written: Written, folder: Path, meter: Meter, *, low_priority: bool
) -> None:
    """Read the tar back and hold it against the list, which then says what the tar holds.

    The platform works meanwhile: a file removed before tar came is in neither, and one that changed is listed
    as it was archived, to be archived again by the next increment.
    """
    meter.stage(75, 98, sum(listing[path].size for path in paths))
    members = members_of(folder / record.TARBALL, meter.tick, low_priority=low_priority)
    missing = [path for path in paths if path not in members]
    if len(missing) != written.vanished or len(members) + len(missing) != len(paths):
        words = ", ".join(f"« {shown(path)} »" for path in missing[:NAMED])
        raise BackupError(f"l'archive relue n'est pas celle qui a été demandée ; absents : {words or 'aucun'}")
    if cut := [path for path, member in members.items() if member.end != member.size]:
        raise BackupError(f"« {shown(cut[0])} » n'a pas pu être lu jusqu'au bout")
    for path in missing:
        del listing[path]
    for path, member in members.items():
        listing[path] = as_archived(listing[member.link or path], member)


def _write_gone(path: Path, earlier: Listing, listing: Listing) -> None:
    """What whoever restores by hand removes between the full snapshot and its increment: names ended by a zero byte.

    What became of another kind is among them: tar puts no file where a folder stands.
    """
    gone = [name for name, entry in earlier.items() if name not in listing or listing[name].kind != entry.kind]
    path.write_bytes(b"".join(os.fsencode(name) + b"\0" for name in gone))
