"""One plain tar of a snapshot, for other hands and other tools."""

import os
import tarfile
from collections.abc import Sequence
from pathlib import Path

from ospi_supervisor.backup import chain
from ospi_supervisor.backup.record import DATABASES, RECORD
from ospi_supervisor.backup.tarball import pass_members

OURS = "ospi-sauvegarde"


def write_export(folders: Sequence[Path], file: Path) -> None:
    """Write `file` from the snapshot in `folders` (see `chain`): the folders' names relative to `/`, and below
    `ospi-sauvegarde/` the databases' dumps and the record.

    Raises OSError (FileExistsError too) and BackupError; then what was written is removed.
    """
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as out:
            for tarball, names in chain.sources(folders, chain.wanted(folders)):
                pass_members(tarball, names, out, lambda _: None)
            with tarfile.open(fileobj=out, mode="w|", format=tarfile.PAX_FORMAT) as tail:
                for name in (DATABASES, RECORD):
                    tail.add(folders[-1] / name, f"{OURS}/{name}")
            out.flush()
            os.fsync(out.fileno())
    except BaseException:
        file.unlink()
        raise
