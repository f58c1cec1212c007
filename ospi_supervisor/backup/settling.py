"""A checkpoint becomes a lasting backup, once nobody waits: what was copied at once is dumped, read and proven."""

import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from ospi_supervisor.backup import inventory
from ospi_supervisor.backup.databases import Database
from ospi_supervisor.backup.inventory import DatabaseDump, Snapshot
from ospi_supervisor.backup.meter import Meter
from ospi_supervisor.system.files import remove_unfinished, sync_tree


def is_settled(snapshot: Snapshot) -> bool:
    """Whether all that the snapshot stands for lies in its folder, and was read back."""
    return all(dump.path for dump in snapshot.databases.values()) and all(
        part.sha256 for part in snapshot.parts.values()
    )


def settle(folder: Path, databases: Sequence[tuple[Database, DatabaseDump]], meter: Meter) -> Snapshot:
    """Complete the snapshot in `folder`; killed at any moment, it can be called again. BackupError and OSError."""
    remove_unfinished(folder)  # an inventory in the middle of being written would be weighed as a part
    snapshot = inventory.load(folder)
    if is_settled(snapshot):
        return snapshot
    meter.stage(0, 60, len(databases))
    dumps = {database.name: _dumped(database, dump, folder, meter) for database, dump in databases}
    sync_tree(folder)
    meter.stage(60, 100, inventory.bytes_in(folder))
    known = {name: part for name, part in snapshot.parts.items() if part.sha256}
    parts = known | inventory.weigh(folder, meter.advance, but=known)
    for database, dump in databases:
        if dump.path not in known:
            database.prove(folder / dumps[database.name].path, meter.tick, thorough=False)
    settled = msgspec.structs.replace(snapshot, databases=dumps, parts=parts)
    inventory.save(folder, settled)
    return settled


def _dumped(database: Database, dump: DatabaseDump, folder: Path, meter: Meter) -> DatabaseDump:
    meter.advance(1)
    if dump.path:
        return dump
    path = f"{inventory.DATABASES}/{database.dump_name}"
    with suppress(FileNotFoundError):  # of an attempt that was killed
        shutil.rmtree(folder / path)
    return DatabaseDump(path, database.settle(dump.facts, folder / path, meter.tick))
