"""The data folders brought back to a snapshot: only what differs is touched, and nothing is deleted."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ospi_supervisor.backup import chain
from ospi_supervisor.backup.listing import Listing, below, changed, scan, sync
from ospi_supervisor.backup.meter import Meter
from ospi_supervisor.backup.reasons import shown
from ospi_supervisor.backup.tarball import extract
from ospi_supervisor.errors import BackupError
from ospi_supervisor.hands.descent import make_folder
from ospi_supervisor.hands.folder import QUARANTINE_PREFIX, Entry, FolderHands
from ospi_supervisor.hands.quarantine import bring_in, carry_out
from ospi_supervisor.system.mounts import mount_points

NAMED_DIFFERENCES = 3


@dataclass(frozen=True)
class RestoreReport:
    """What a restore did. `moved` lists the files set aside, where they lie now, below `quarantines`."""

    restored: int
    quarantines: tuple[Path, ...]
    moved: tuple[Path, ...]

    @property
    def quarantine(self) -> Path | None:
        """The first of `quarantines`: the only one, unless the data lie on several file systems."""
        return self.quarantines[0] if self.quarantines else None


class FilesRestore:
    """One restore of `data_dirs` from the snapshot in `folders` (see `chain`), taken at `taken_at`.

    `left_out` are the paths that are not the folders' business: databases' files, the backups themselves. BackupError
    where the snapshot holds one of them: it could not be proven to be back. All is done through `hands`.
    With `trust_times`, what has the inode, size and times that it had then was not touched since: true only while the
    machine has been up. A power cut can keep what was written in place and lose the time of it.
    """

    def __init__(
        self,
        hands: FolderHands,
        folders: Sequence[Path],
        data_dirs: Sequence[Path],
        left_out: frozenset[Path],
        taken_at: datetime,
        meter: Meter,
        *,
        trust_times: bool,
    ) -> None:
        self._hands = hands
        self._data_dirs = data_dirs
        self._trust_times = trust_times
        self._left_out = left_out
        self._meter = meter
        self._wanted = chain.wanted(folders)
        if held := self._wanted.keys() & {os.fspath(path).lstrip("/") for path in left_out}:
            raise BackupError(
                f"cette sauvegarde contient « /{shown(min(held))} » en tant que fichier, et c'est une base déclarée"
                " ou le dossier des sauvegardes ; rétablissez la configuration d'alors, le temps de restaurer"
            )
        self._sources = chain.sources(folders, self._wanted)
        self._quarantine_name = quarantine_name(taken_at)
        self._needed: set[str] = set()
        self._quarantines: set[Path] = set()
        self._moved: list[Path] = []

    def plan(self) -> list[Path]:
        """The tarballs that will be read: what is not certainly as it was comes from them. BackupError.

        Where times can be trusted, a restore after a failed migration takes the time of what the migration changed.
        """
        present = self._scan([folder for folder in self._data_dirs if folder.is_dir()])
        self._needed = changed(present, self._wanted) if self._trust_times else set(self._wanted)
        return [tarball for tarball, names in self._sources if names & self._needed]

    def weight(self) -> int:
        """How many bytes of tarballs `bring_back` will read."""
        return sum(_bytes_of(sources) for folder in self._data_dirs if (sources := self._sources_of(folder)))

    def bring_back(self) -> None:
        """Set aside what the snapshot does not have, then extract what was planned.

        Killed and planned again, it goes on from whatever state it finds. BackupError, OSError.
        """
        for folder in self._data_dirs:
            make_folder(folder)
            self._set_aside(folder)
        for folder in self._data_dirs:
            self._extract(folder)

    def _set_aside(self, folder: Path) -> None:
        name = self._quarantine_name
        bring_in(folder, name)
        present = self._scan([folder])
        known = {f"/{path}" for path, entry in (present | self._wanted).items() if entry.kind == "dir"}
        hand = self._hands.of(folder)
        hand.set_aside(self._strangers(present), name, mount_points(), self._meter.tick)
        found, moved = hand.quarantined(name, below(folder, known), self._meter.tick)
        within, outside = folder / name, carry_out(folder, name)
        carried = outside != within
        self._quarantines |= {outside.parent if carried and place == within else place for place in found}
        self._moved += [outside / path.relative_to(within) if path.is_relative_to(within) else path for path in moved]

    def _strangers(self, present: Listing) -> list[str]:
        """What the snapshot does not have; what lies in a folder goes with it."""
        strangers: list[str] = []
        for path, entry in present.items():
            in_the_last = strangers and f"/{path}".startswith(f"{strangers[-1]}/")
            if not in_the_last and (path not in self._wanted or self._wanted[path].kind != entry.kind):
                strangers.append(f"/{path}")
        return strangers

    def _sources_of(self, folder: Path) -> list[tuple[Path, set[str]]]:
        needed = set(below(folder, self._needed))
        return [(tarball, names & needed) for tarball, names in self._sources if names & needed]

    def _extract(self, folder: Path) -> None:
        if sources := self._sources_of(folder):
            folders = [path for path in below(folder, self._needed) if self._wanted[path].kind == "dir"]
            self._hands.of(folder).strip([f"/{path}" for path in folders], self._meter.tick)
            extract(folder, sources, self._meter.tick)
            self._meter.advance(_bytes_of(sources))

    def settle(self, moved: Sequence[Path] = ()) -> RestoreReport:
        """Folders' times, which each file put into them has moved; then the proof, and all of it made durable.

        What databases had in their way and `moved` is reported too.
        """
        for folder in self._data_dirs:
            paths = below(folder, (path for path, entry in self._wanted.items() if entry.kind == "dir"))
            times = [(f"/{path}", self._wanted[path].mtime_ns) for path in paths]
            self._hands.of(folder).set_times(times, self._meter.tick)
        self._prove(self._scan(self._data_dirs))
        for folder in self._data_dirs:
            sync(self._hands, folder, self._meter.tick)
        self._quarantines |= {self._quarantine_of(path) for path in moved}
        return RestoreReport(len(self._needed), tuple(sorted(self._quarantines)), (*self._moved, *moved))

    def _quarantine_of(self, path: Path) -> Path:
        return next(folder for folder in path.parents if folder.name == self._quarantine_name)

    def _scan(self, folders: Sequence[Path]) -> Listing:
        # No snapshot holds what lies too deep to be named: it goes with the first folder that is none of the snapshot.
        return scan(self._hands, folders, self._left_out, self._meter.tick, reachable=True)

    def _prove(self, present: Listing) -> None:
        """BackupError where anything of the snapshot is not as it was then."""
        differing = [path for path, entry in self._wanted.items() if not _same(present.get(path), entry)]
        if differing:
            names = ", ".join(f"« {shown(path)} »" for path in differing[:NAMED_DIFFERENCES])
            raise BackupError(f"{len(differing)} fichiers ne sont pas revenus à leur état sauvegardé : {names}…")


def _bytes_of(sources: Sequence[tuple[Path, set[str]]]) -> int:
    return sum(tarball.stat().st_size for tarball, _ in sources)


def quarantine_name(taken_at: datetime) -> str:
    """What the folders are called of what restores of the snapshot of that time set aside."""
    return f"{QUARANTINE_PREFIX}{taken_at:%Y%m%dT%H%M%SZ}"


def _same(present: Entry | None, entry: Entry) -> bool:
    """Whether all that can be seen without reading it is as recorded; a restored file has another inode and ctime."""
    return present is not None and present._replace(inode=entry.inode, ctime_ns=entry.ctime_ns) == entry
