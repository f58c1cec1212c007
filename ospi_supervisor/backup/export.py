"""One plain tar of a snapshot, for other hands and other tools."""

import os
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from ospi_supervisor.backup import chain, inventory
from ospi_supervisor.backup.inventory import DATABASES
from ospi_supervisor.backup.tarball import pass_members
from ospi_supervisor.errors import BackupError
from ospi_supervisor.hands.descent import open_folder, resolved

OURS = "ospi-sauvegarde"


def write_export(folders: Sequence[Path], file: Path) -> None:
    """Write `file` from the snapshot in `folders`, as `pass_export` says.

    Whoever may write to the folder that it goes into, or to one above, leads root nowhere else. Raises OSError
    (FileExistsError too) and BackupError; then what was written is removed.
    """
    check_whole(folders)
    folder = open_folder(resolved(Path(os.path.normpath(file.absolute())).parent))
    try:
        descriptor = os.open(file.name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=folder)
        try:
            with os.fdopen(descriptor, "wb") as out:
                pass_export(folders, out)
                out.flush()
                os.fsync(out.fileno())
        except BaseException:
            os.unlink(file.name, dir_fd=folder)
            raise
    finally:
        os.close(folder)


def check_whole(folders: Sequence[Path]) -> None:
    """BackupError where a database's copy is in its server still, and not in the snapshot in `folders`."""
    if elsewhere := [name for name, dump in inventory.load(folders[-1]).databases.items() if not dump.path]:
        raise BackupError(
            f"la base « {elsewhere[0]} » n'est pas encore dans cette sauvegarde, mais dans son serveur : attendez la"
            " fin de la mise à jour, ou exportez la sauvegarde entière"
        )


def pass_export(folders: Sequence[Path], out: BinaryIO, *, low_priority: bool = False) -> None:
    """Pass to `out`, as tar, the snapshot in `folders` (see `chain`): the folders' names relative to `/`, and below
    `ospi-sauvegarde/` the databases' dumps and the inventory. OSError, BackupError; errors of `out` pass through."""
    for tarball, names in chain.sources(folders, chain.wanted(folders)):
        pass_members(tarball, names, out, lambda _: None, low_priority=low_priority)
    with tarfile.open(fileobj=out, mode="w|", format=tarfile.PAX_FORMAT) as tail:
        for name in (DATABASES, inventory.FILE):
            tail.add(folders[-1] / name, f"{OURS}/{name}")
