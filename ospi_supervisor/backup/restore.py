"""The data folders brought back to a snapshot: only what differs is touched, and nothing is deleted."""

import os
import stat
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ospi_supervisor.backup import chain
from ospi_supervisor.backup.attributes import attribute_names
from ospi_supervisor.backup.listing import QUARANTINE_PREFIX, Entry, Listing, changed, scan
from ospi_supervisor.backup.meter import Meter
from ospi_supervisor.backup.tarball import extract
from ospi_supervisor.backup.words import shown
from ospi_supervisor.errors import BackupError
from ospi_supervisor.files import fsync_dir
from ospi_supervisor.mounts import mount_points, sync_trees

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
    where the snapshot holds one of them: it could not be proven to be back.
    With `trust_times`, what has the inode, size and times that it had then was not touched since: true only while the
    machine has been up. A power cut can keep what was written in place and lose the time of it.
    """

    def __init__(
        self,
        folders: Sequence[Path],
        data_dirs: Sequence[Path],
        left_out: frozenset[Path],
        taken_at: datetime,
        meter: Meter,
        *,
        trust_times: bool,
    ) -> None:
        self._data_dirs = data_dirs
        self._trust_times = trust_times
        self._mounts = mount_points()
        self._left_out = left_out
        self._meter = meter
        self._wanted = chain.wanted(folders)
        if held := self._wanted.keys() & {os.fspath(path).lstrip("/") for path in left_out}:
            raise BackupError(
                f"cette sauvegarde contient « /{shown(min(held))} » en tant que fichier, et c'est une base déclarée"
                " ou le dossier des sauvegardes ; rétablissez la configuration d'alors, le temps de restaurer"
            )
        self._sources = chain.sources(folders, self._wanted)
        self._quarantine_name = f"{QUARANTINE_PREFIX}{taken_at:%Y%m%dT%H%M%SZ}"
        self._restored = 0

    def bring_back(self) -> None:
        """Set aside what the snapshot does not have, then extract what is not certainly as it was.

        Where times can be trusted, a restore after a failed migration takes the time of what the migration changed.
        Killed and called again, it goes on from whatever state it finds. BackupError.
        """
        self._set_aside(self._scan())
        needed = changed(self._scan(), self._wanted) if self._trust_times else set(self._wanted)
        for path in needed:
            _strip_attributes(f"/{path}")
        extract([(tarball, names & needed) for tarball, names in self._sources if names & needed], self._meter.tick)
        self._restored = len(needed)

    def settle(self) -> RestoreReport:
        """Folders' times, which each file put into them has moved; then the proof, and all of it made durable."""
        for entry in self._wanted.values():
            self._meter.tick()
            if entry.kind == "dir":
                os.utime(f"/{entry.path}", ns=(entry.mtime_ns, entry.mtime_ns), follow_symlinks=False)
        self._prove(self._scan())
        quarantines = tuple(sorted(self._quarantines()))
        sync_trees((*self._data_dirs, *quarantines))
        moved = tuple(path for folder in quarantines for path in sorted(folder.rglob("*")) if not _is_folder(path))
        return RestoreReport(self._restored, quarantines, moved)

    def _scan(self) -> Listing:
        return scan(self._data_dirs, self._left_out, self._meter.tick)

    def _set_aside(self, present: Listing) -> None:
        moved = "/"
        for path, entry in present.items():
            self._meter.tick()
            if path.startswith(moved):
                continue  # it went with its folder
            if path not in self._wanted or self._wanted[path].kind != entry.kind:
                self._move(Path("/", path))
                moved = f"{path}/"

    def _move(self, path: Path) -> None:
        folder, relative = self._place(path)
        _make_own(folder)
        for name in relative.parent.parts:
            folder = folder / name
            _make_own(folder)
        path.rename(_free(folder / relative.name))
        fsync_dir(folder)

    def _place(self, path: Path) -> tuple[Path, Path]:
        """The quarantine on the file system of `path`, and the name of `path` in it.

        It lies beside the data folder, or within where that folder, or one in it, is a file system of its own.
        """
        top = next(folder for folder in self._data_dirs if path.is_relative_to(folder))
        anchor = path
        while anchor != top:
            anchor = anchor.parent
            if anchor in self._mounts:
                return anchor / self._quarantine_name, path.relative_to(anchor)
        return top.parent / self._quarantine_name, path.relative_to(top.parent)

    def _quarantines(self) -> set[Path]:
        """All quarantines of this snapshot's restores, an earlier attempt's included."""
        places = {folder for top in self._data_dirs for folder in (top.parent, top)}
        places |= {Path("/", entry.path) for entry in self._wanted.values() if entry.kind == "dir"}
        return {folder for place in places if _is_folder(folder := place / self._quarantine_name)}

    def _prove(self, present: Listing) -> None:
        """BackupError where anything of the snapshot is not as it was then."""
        differing = [path for path, entry in self._wanted.items() if not _same(present.get(path), entry)]
        if differing:
            names = ", ".join(f"« {shown(path)} »" for path in differing[:NAMED_DIFFERENCES])
            raise BackupError(f"{len(differing)} fichiers ne sont pas revenus à leur état sauvegardé : {names}…")


def _same(present: Entry | None, entry: Entry) -> bool:
    """Whether all that can be seen without reading it is as recorded; a restored file has another inode and ctime."""
    return present is not None and present._replace(inode=entry.inode, ctime_ns=entry.ctime_ns) == entry


def _make_own(folder: Path) -> None:
    """A folder that nobody else can put anything in; what stands in its place and is none is set aside.

    Quarantines lie among the platform's folders, and their names can be guessed: a link put there would lead elsewhere.
    """
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
        return
    facts = folder.lstat()
    if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.geteuid() or facts.st_mode & 0o022:
        folder.rename(_free(folder))
        folder.mkdir(mode=0o700)


def _free(path: Path) -> Path:
    """`path`, or where something stands there the same name with a number."""
    number, free = 1, path
    while os.path.lexists(free):
        number += 1
        free = path.with_name(f"{path.name}~{number}")
    return free


def _strip_attributes(path: str) -> None:
    """tar sets a folder's attributes but removes none. Files are made anew."""
    if os.path.isdir(path) and not os.path.islink(path):  # noqa: PTH112, PTH114 - called for each name
        for name in attribute_names(path):
            if name.startswith(("user.", "trusted.")):
                os.removexattr(path, name, follow_symlinks=False)


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()
