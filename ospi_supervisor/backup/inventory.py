"""A snapshot's inventory, `snapshot.json`: what it holds and how each part is proven."""

import hashlib
import os
from collections.abc import Callable, Collection, Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from ospi_supervisor import __version__
from ospi_supervisor.backup.reasons import reason
from ospi_supervisor.errors import BackupError, NewerFormatError
from ospi_supervisor.system.files import write_atomically
from ospi_supervisor.system.formats import Stamp, refuse_newer

FILE = "snapshot.json"
TARBALL = "fichiers.tar.zst"
LISTING = "fichiers.jsonl"
GONE = "disparus"
DATABASES = "bases"
CHUNK = 1 << 20
WHY_DUMPED = "why_dumped"
"""The fact that says why a database was dumped where its server would have copied it."""


Facts = dict[str, Any]
"""What a database's driver wants to know again of its dump: JSON that no one else reads."""


class Part(msgspec.Struct, frozen=True, omit_defaults=True):
    """One file of a snapshot, as it was read back from the disk. An empty `sha256` says that it was not read yet.

    `seen` is its inode, and the times of its last change, then: `problems` may take a file that still has them for
    what it was.
    """

    size: int
    sha256: str
    seen: tuple[int, int, int] | None = None


class DatabaseDump(msgspec.Struct, frozen=True, omit_defaults=True):
    """A database's place in a snapshot, and what its restore needs beside its contents.

    An empty `path` says that the database's own server has the copy, for as long as the update lasts.
    """

    path: str
    facts: Facts


class Snapshot(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One snapshot. `base` is the full snapshot that an increment completes; `data_bytes` what the data weigh.

    `left_out` are the paths in the folders that were not theirs: databases' files, the backups. None in an
    inventory that is older than this field.
    """

    id: str
    release: str
    base: str | None
    taken_at: datetime
    data_dirs: tuple[str, ...]
    files: int
    data_bytes: int
    databases: dict[str, DatabaseDump]
    parts: dict[str, Part]
    notes: tuple[str, ...]
    left_out: tuple[str, ...] | None = None

    @property
    def dumped_for_want_of_a_copy(self) -> dict[str, str]:
        """The databases that their server could not copy, and why, in words."""
        return {name: dump.facts[WHY_DUMPED] for name, dump in self.databases.items() if WHY_DUMPED in dump.facts}

    @property
    def size(self) -> int:
        """The bytes that it takes on the backup disk."""
        return sum(part.size for part in self.parts.values())


class _Sealed(Stamp, frozen=True, kw_only=True):
    """The inventory as it lies on disk: a damaged one must not pass for another. The seal is that of the compact text.

    Of the text, not of what this program reads in it: an inventory keeps its seal whatever fields a version adds.
    """

    sha256: str
    snapshot: msgspec.Raw


FORMAT = 2
"""That of version 0.1.0 did not say its number, and is read as it is."""


def save(folder: Path, snapshot: Snapshot) -> None:
    """Make the snapshot in `folder` count: its inventory is written last, atomically. Raises OSError."""
    text = msgspec.Raw(msgspec.json.encode(snapshot))
    sealed = _Sealed(format=FORMAT, written_by=__version__, sha256=_seal(text), snapshot=text)
    write_atomically(folder / FILE, msgspec.json.format(msgspec.json.encode(sealed)), 0o600)


def load(folder: Path) -> Snapshot:
    """The inventory in `folder`; BackupError where there is none, it is damaged, or a newer program wrote it."""
    what = f"la fiche de la sauvegarde {folder.name}"
    try:
        data = (folder / FILE).read_bytes()
        refuse_newer(msgspec.json.decode(data, type=Stamp), FORMAT, what)
        sealed = msgspec.json.decode(data, type=_Sealed)
        snapshot = msgspec.json.decode(sealed.snapshot, type=Snapshot)
    except FileNotFoundError as error:
        raise BackupError(f"sauvegarde {folder.name} introuvable ou inachevée : choisissez-en une autre") from error
    except NewerFormatError as error:
        raise BackupError(str(error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BackupError(f"{what} est endommagée ({error})") from error
    if sealed.sha256 != _seal(sealed.snapshot) or snapshot.id != folder.name:
        raise BackupError(f"{what} est endommagée")
    return snapshot


def refuse_newer_among(folders: Iterable[Path]) -> None:
    """BackupError where a newer program wrote the inventory in one of `folders`: it may complete any of the others."""
    for folder in folders:
        try:
            stamp = msgspec.json.decode((folder / FILE).read_bytes(), type=Stamp)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            continue  # unfinished or damaged, which is told elsewhere
        if stamp.format > FORMAT:
            raise BackupError(
                f"la sauvegarde {folder.name} est d'une version plus récente de Superviseur ({stamp.written_by}), et"
                " peut en compléter une autre : aucune n'est supprimée"
            )


def _seal(snapshot: msgspec.Raw) -> str:
    return hashlib.sha256(msgspec.json.format(bytes(snapshot), indent=-1)).hexdigest()


def weigh(
    folder: Path, advance: Callable[[int], None], *, but: Collection[str] = (), unread: Collection[str] = ()
) -> dict[str, Part]:
    """Every file in `folder` but the inventory and those named, as the disk gives it back; the `unread` are not read.

    `advance` is told of each piece's bytes. Raises OSError.
    """
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != FILE)
    names = {str(path.relative_to(folder)): path for path in files}
    return {
        name: Part(path.stat().st_size, "" if name in unread else _digest(path, advance), seen(path))
        for name, path in names.items()
        if name not in but
    }


def bytes_in(place: Path) -> int:
    """The bytes of the file, or of the folder's files, at `place`; 0 where there is nothing (yet)."""
    if place.is_dir():
        return sum(bytes_in(entry) for entry in place.iterdir())
    return place.stat().st_size if place.exists() else 0


def seen(path: Path) -> tuple[int, int, int]:
    """What tells whether a file is still the one that was seen. Raises OSError."""
    facts = path.stat()
    return facts.st_ino, facts.st_mtime_ns, facts.st_ctime_ns


def _digest(path: Path, advance: Callable[[int], None]) -> str:
    """Read from the disk itself, not from the memory that remembers what was written to it."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        while piece := file.read(CHUNK):
            digest.update(piece)
            advance(len(piece))
    return digest.hexdigest()


def problems(
    folder: Path,
    snapshot: Snapshot,
    advance: Callable[[int], None],
    *,
    only: Callable[[str], bool] = lambda _: True,
    trust_times: bool = False,
) -> list[str]:
    """What is wrong with the files of `snapshot` in `folder`, in words; nothing where all are as recorded.

    Of those whose names are `only` asked for; `advance` as in `weigh`. With `trust_times` a file that is still the one
    that was seen when the snapshot was taken is not read again.
    """
    found = []
    for name, part in snapshot.parts.items():
        path = folder / name
        try:
            if (
                only(name)
                and not (trust_times and part.seen == seen(path))
                and not _is_as_recorded(path, part, advance)
            ):
                found.append(f"{path} est endommagé : son contenu n'est plus celui qui a été écrit")
        except FileNotFoundError:
            found.append(f"{path} a disparu")
        except OSError as error:
            found.append(f"{path} ne peut pas être lu ({reason(error)})")
    return found


def _is_as_recorded(path: Path, part: Part, advance: Callable[[int], None]) -> bool:
    return path.stat().st_size == part.size and (not part.sha256 or _digest(path, advance) == part.sha256)
