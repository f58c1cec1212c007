"""Taking one snapshot: write, read back, then let it count."""

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ospi_supervisor.backup import inventory
from ospi_supervisor.backup.databases import Database
from ospi_supervisor.backup.dumps import Dumps, dump_all, keep_all
from ospi_supervisor.backup.inventory import Snapshot
from ospi_supervisor.backup.listing import (
    Listing,
    as_archived,
    below,
    changed,
    load_listing,
    readable,
    save_listing,
    scan,
    sealed,
    sync,
    weigh,
)
from ospi_supervisor.backup.meter import Meter
from ospi_supervisor.backup.reasons import shown
from ospi_supervisor.backup.tarball import Written, members_of, write_tarball
from ospi_supervisor.domain.plan import DataWeight
from ospi_supervisor.errors import BackupError
from ospi_supervisor.hands.descent import resolved
from ospi_supervisor.hands.folder import FolderHands
from ospi_supervisor.system.files import sync_tree
from ospi_supervisor.system.mounts import mounted_below

NOTED = 20
NAMED = 3
SMALL_BYTES = 16 << 20
"""What is compressed in less time than programs of their own at low priority take to start."""


@dataclass(frozen=True)
class Source:
    """What is saved: folders, without the paths `left_out`, and databases."""

    data_dirs: Sequence[Path]
    left_out: frozenset[Path]
    databases: Sequence[Database]

    @contextmanager
    def hands(self) -> Iterator[FolderHands]:
        """Hands in all its folders, which start while the caller does something else.

        BackupError where a folder is missing: an absent mount is not an empty folder.
        """
        self._check_present()
        with FolderHands() as hands:
            for folder in self.data_dirs:
                with readable(folder):
                    hands.of(folder)
            yield hands

    def settled_scan(self, hands: FolderHands, tick: Callable[[], None]) -> Listing:
        """As `scan`, once what was written is on the disk.

        What is written through a memory map has its time when its page is first touched, and a new one only after
        that page has reached the disk: what is touched from here on is listed as changing. An increment is taken when
        nobody writes any more.
        """
        began = time.time_ns()
        for folder in self.data_dirs:
            sync(hands, folder, tick)
        return scan(hands, self.data_dirs, self.left_out, tick, began)

    def scan(self, hands: FolderHands, tick: Callable[[], None]) -> Listing:
        """The folders' present state. BackupError."""
        return scan(hands, self.data_dirs, self.left_out, tick)

    def _check_present(self) -> None:
        for folder in self.data_dirs:
            if not folder.is_dir() or folder.is_symlink():
                raise BackupError(
                    f"dossier de données {folder} introuvable : vérifiez la configuration et les montages"
                )

    def links_outside(self, tick: Callable[[], None]) -> list[Path]:
        """The links in the folders that lead to files or folders outside what is saved. BackupError as in `hands`."""
        with self.hands() as hands:
            found = self.scan(hands, tick)
        names = (Path("/", path) for path, entry in found.items() if entry.kind == "link")
        return [name for name in names if self._is_data_outside(Path(os.path.realpath(name)))]

    def _is_data_outside(self, target: Path) -> bool:
        known = any(target.is_relative_to(place) for place in (*self.data_dirs, *self.left_out))
        return not known and (target.is_file() or target.is_dir())

    def sizes(self) -> dict[str, int]:
        """The bytes of each database, by its name. BackupError."""
        return {database.name: database.size() for database in self.databases}

    def sealed(self, most: int, tick: Callable[[], None]) -> list[tuple[str, str]]:
        """The first names in each folder that no restore could bring back, and why. BackupError: one cannot be read."""
        present = [folder for folder in self.data_dirs if folder.is_dir()]
        return [found for folder in present for found in sealed(folder, self.left_out, most, tick)]

    def _by_disk(self) -> Iterator[tuple[Path, frozenset[Path]]]:
        """The folders, and the disks mounted in them, each with what is left out of it: what lies on others."""
        for folder in self.data_dirs:
            mounted = [place for place in mounted_below(folder) if place.is_dir()]
            for top in (folder, *mounted):
                yield top, self.left_out | {place for place in mounted if top in place.parents}

    def weight(self, tick: Callable[[], None]) -> DataWeight:
        """The bytes of it all. BackupError as in `hands`, and where a database is missing."""
        self._check_present()
        places = {str(top): weigh(top, left_out, tick) for top, left_out in self._by_disk()}
        places |= {str(database.path): database.size() for database in self.databases if database.path}
        return DataWeight(places=places, servers=sum(base.size() for base in self.databases if not base.path))


def outermost(folders: Sequence[Path]) -> Sequence[Path]:
    """The folders, links resolved, without those that lie in another."""
    found = {resolved(folder) for folder in folders}
    return sorted(folder for folder in found if not found & set(folder.parents))


def take(source: Source, folder: Path, release: str, base: Path | None, meter: Meter) -> Snapshot:
    """Fill the empty `folder` with a snapshot of `source`: all of it, or what differs from the one in `base`.

    Raises BackupError, OSError and what the meter's check raises; the caller removes what was written.
    """
    taken_at, thorough = datetime.now(UTC), base is None
    with source.hands() as hands:
        earlier = load_listing(base / inventory.LISTING) if base else {}
        listing = source.settled_scan(hands, meter.tick) if thorough else source.scan(hands, meter.tick)
    newer = changed(earlier, listing)
    paths = [path for path in listing if path in newer]
    weight, sizes = sum(listing[path].size for path in paths), source.sizes()
    meter.stage(0, 60, weight + sum(sizes.values()))
    by_folder = {top: below(top, paths) for top in source.data_dirs}
    gentle = thorough and weight > SMALL_BYTES
    written = write_tarball(by_folder, folder / inventory.TARBALL, meter.tick, low_priority=gentle)
    meter.advance(weight)
    dumps = _databases(source.databases, sizes, folder, base, meter)
    sync_tree(folder)
    meter.stage(60, 75, inventory.bytes_in(folder))
    # As the disk gives it back; what is proven below is read from there too.
    parts = dumps.known | inventory.weigh(folder, meter.advance, but=dumps.known, unread=dumps.unread)
    _reconcile(listing, paths, written, folder, meter, low_priority=gentle)
    dumps.prove(meter.tick)
    _write_lists(folder, listing, earlier if base else None)
    snapshot = Snapshot(
        id=folder.name,
        release=release,
        base=base.name if base else None,
        taken_at=taken_at,
        data_dirs=tuple(str(path) for path in source.data_dirs),
        files=len(listing),
        data_bytes=sum(entry.size for entry in listing.values()),
        databases=dumps.made,
        parts=parts | inventory.weigh(folder, meter.advance, but=parts),
        notes=tuple(f"{name} a changé pendant sa lecture" for name in written.moving[:NOTED]),
        left_out=tuple(sorted(str(path) for path in source.left_out)),
    )
    inventory.save(folder, snapshot)
    return snapshot


def _databases(
    databases: Sequence[Database], sizes: Mapping[str, int], folder: Path, base: Path | None, meter: Meter
) -> Dumps:
    """Their part of the snapshot: what each was when the platform stopped, where the snapshot completes another."""
    (folder / inventory.DATABASES).mkdir(mode=0o700)
    return keep_all(databases, sizes, folder, base, meter) if base else dump_all(databases, sizes, folder, meter)


def _reconcile(
    listing: Listing, paths: Sequence[str], written: Written, folder: Path, meter: Meter, *, low_priority: bool
) -> None:
    """Read the tar back and hold it against the list, which then says what the tar holds.

    The platform works meanwhile: a file removed before tar came is in neither, and one that changed is listed
    as it was archived, to be archived again by the next increment.
    """
    weight = sum(listing[path].size for path in paths)
    meter.stage(75, 98, weight)
    members = members_of(folder / inventory.TARBALL, meter.tick, low_priority=low_priority)
    meter.advance(weight)
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


def _write_lists(folder: Path, listing: Listing, earlier: Listing | None) -> None:
    """The list of an increment also has what whoever restores by hand removes between the full snapshot and it: names
    ended by a zero byte. What became of another kind is among them: tar puts no file where a folder stands.
    """
    save_listing(listing, folder / inventory.LISTING)
    if earlier is not None:
        gone = [name for name, entry in earlier.items() if name not in listing or listing[name].kind != entry.kind]
        (folder / inventory.GONE).write_bytes(b"".join(os.fsencode(name) + b"\0" for name in gone))
    sync_tree(folder)
