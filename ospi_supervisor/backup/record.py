"""A snapshot's record, `snapshot.json`: what it holds and how each part is proven."""

import hashlib
import os
from collections.abc import Callable, Collection
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from ospi_supervisor.backup.words import reason
from ospi_supervisor.errors import BackupError
from ospi_supervisor.files import write_atomically

RECORD = "snapshot.json"
TARBALL = "fichiers.tar.zst"
LISTING = "fichiers.jsonl"
GONE = "disparus"
DATABASES = "bases"
CHUNK = 1 << 20


class Part(msgspec.Struct, frozen=True):
    """One file of a snapshot, as it was read back from the disk."""

    size: int
    sha256: str


class DatabaseDump(msgspec.Struct, frozen=True):
    """A database's place in a snapshot, and what its restore needs beside its contents."""

    path: str
    facts: dict[str, Any]


class Snapshot(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One snapshot. `base` is the full snapshot that an increment completes; `data_bytes` what the data weigh.

    `left_out` are the paths in the folders that were not theirs: databases' files, the backups. None in a record that
    is older than this field: without its default, the record has the seal that it was given.
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
    def size(self) -> int:
        """The bytes that it takes on the backup disk."""
        return sum(part.size for part in self.parts.values())


class _Sealed(msgspec.Struct, frozen=True):
    """The record as it lies on disk: a damaged one must not pass for another."""

    sha256: str
    snapshot: Snapshot


def save_record(folder: Path, snapshot: Snapshot) -> None:
    """Make the snapshot in `folder` count: its record is written last, atomically. Raises OSError."""
    sealed = _Sealed(_seal(snapshot), snapshot)
    write_atomically(folder / RECORD, msgspec.json.format(msgspec.json.encode(sealed)), 0o600)


def load_record(folder: Path) -> Snapshot:
    """The record in `folder`; BackupError where there is none or it is damaged."""
    try:
        sealed = msgspec.json.decode((folder / RECORD).read_bytes(), type=_Sealed)
    except FileNotFoundError as error:
        raise BackupError(f"sauvegarde {folder.name} introuvable ou inachevée : choisissez-en une autre") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BackupError(f"la fiche de la sauvegarde {folder.name} est endommagée ({error})") from error
    if sealed.sha256 != _seal(sealed.snapshot) or sealed.snapshot.id != folder.name:
        raise BackupError(f"la fiche de la sauvegarde {folder.name} est endommagée")
    return sealed.snapshot


def _seal(snapshot: Snapshot) -> str:
    return hashlib.sha256(msgspec.json.encode(snapshot)).hexdigest()


def weigh(folder: Path, tick: Callable[[], None], but: Collection[str] = ()) -> dict[str, Part]:
    """Every file in `folder` but the record and those named, as the disk gives it back. Raises OSError."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != RECORD)
    names = {str(path.relative_to(folder)): path for path in files}
    return {name: _weigh_file(path, tick) for name, path in names.items() if name not in but}


def _weigh_file(path: Path, tick: Callable[[], None]) -> Part:
    """Read from the disk itself, not from the memory that remembers what was written to it."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        while piece := file.read(CHUNK):
            digest.update(piece)
            tick()
    return Part(path.stat().st_size, digest.hexdigest())


def problems(folder: Path, snapshot: Snapshot, tick: Callable[[], None]) -> list[str]:
    """What is wrong with the files of `snapshot` in `folder`, in words; nothing where all are as recorded."""
    found = []
    for name, part in snapshot.parts.items():
        path = folder / name
        try:
            if _weigh_file(path, tick) != part:
                found.append(f"{path} est endommagé : son contenu n'est plus celui qui a été écrit")
        except FileNotFoundError:
            found.append(f"{path} a disparu")
        except OSError as error:
            found.append(f"{path} ne peut pas être lu ({reason(error)})")
    return found
