"""The databases' part of a snapshot: dumped and proven whole, or kept in the quickest way while users wait."""

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from ospi_supervisor.backup import inventory
from ospi_supervisor.backup.databases import Database
from ospi_supervisor.backup.inventory import DatabaseDump, Part
from ospi_supervisor.backup.meter import Meter


@dataclass
class Dumps:
    """What was made, by the databases' names; `known` are parts that were proven before, `unread` what is not read."""

    folder: Path
    thorough: bool
    made: dict[str, DatabaseDump] = field(default_factory=dict)
    known: dict[str, Part] = field(default_factory=dict)
    unread: set[str] = field(default_factory=set)
    to_prove: list[Database] = field(default_factory=list)

    def prove(self, tick: Callable[[], None]) -> None:
        """Have each database judge its dump as the disk has it. BackupError."""
        for database in self.to_prove:
            database.prove(self.folder / self.made[database.name].path, tick, thorough=self.thorough)


def dump_all(databases: Sequence[Database], sizes: Mapping[str, int], folder: Path, meter: Meter) -> Dumps:
    """Each database's dump below `folder`, taken at low priority while the platform works; `sizes` by their names."""
    dumps = Dumps(folder, thorough=True, to_prove=list(databases))
    for database in databases:
        path = f"{inventory.DATABASES}/{database.dump_name}"
        size = sizes[database.name]
        facts = database.dump(folder / path, _watching(database, folder / path, size, meter), low_priority=True)
        dumps.made[database.name] = DatabaseDump(path, facts)
        meter.advance(size)
    return dumps


def _watching(database: Database, to: Path, size: int, meter: Meter) -> Callable[[], None]:
    """A tick for the dump to `to` of a database of that `size`: its growth is seen."""
    return meter.watching(lambda: min(size, database.dumped(to)))


def keep_all(databases: Sequence[Database], sizes: Mapping[str, int], folder: Path, base: Path, meter: Meter) -> Dumps:
    """Each database's present state, while users wait: that of the full snapshot `base` where nothing changed since.

    What a file system or a server copies at once was not written anew: it is not read back now (see `settle`).
    """
    dumps = Dumps(folder, thorough=False)
    full = inventory.load(base)
    for database in databases:
        earlier = full.databases.get(database.name)
        if earlier and database.is_as(earlier.facts) and _is_linked(base / earlier.path, folder / earlier.path):
            dumps.made[database.name] = earlier
            dumps.known[earlier.path] = Part(
                full.parts[earlier.path].size, full.parts[earlier.path].sha256, inventory.seen(folder / earlier.path)
            )
            continue
        path = f"{inventory.DATABASES}/{database.dump_name}"
        size = sizes[database.name]
        facts = database.keep(folder / path, _watching(database, folder / path, size, meter))
        meter.advance(size)
        if not (folder / path).exists():
            path = ""
        elif database.path:
            dumps.unread.add(path)
        else:
            dumps.to_prove.append(database)
        dumps.made[database.name] = DatabaseDump(path, facts)
    return dumps


def _is_linked(source: Path, target: Path) -> bool:
    """Whether the file has a second name now: not every file system gives one."""
    with suppress(OSError):
        os.link(source, target)
        return True
    return False
