"""A snapshot's contents laid out elsewhere than where they came from: for whoever looks at them beside the platform."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE

from ospi_supervisor.backup import chain, inventory
from ospi_supervisor.backup.children import child
from ospi_supervisor.backup.inventory import Snapshot
from ospi_supervisor.backup.tarball import EXTRACT, feed
from ospi_supervisor.hands.sandbox import KEEPING, View, enclosed, is_enclosed, name_of_lent


@dataclass(frozen=True)
class Contents:
    """The snapshot `last`, whose parts lie in `folders` (see `chain`)."""

    folders: tuple[Path, ...]
    last: Snapshot

    def lay_out(self, root: Path, tick: Callable[[], None]) -> None:
        """Extract the data folders below our own folder `root`, each by its path from there, at low priority.

        tar sees nothing but `root`. BackupError, OSError.
        """
        sources = chain.sources(self.folders, chain.wanted(self.folders))
        command = ["--directory=" + name_of_lent(root) if word == "--directory=/" else word for word in EXTRACT]
        descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            lent = {name_of_lent(root): descriptor} if is_enclosed() else {}
            with (
                enclosed(command, View(lent=lent, capabilities=KEEPING)) as (line, descriptors),
                child(line, stdin=PIPE, descriptors=descriptors, low_priority=True) as tar,
            ):
                feed(tar, sources, lambda _: tick())
        finally:
            os.close(descriptor)


def contents_of(directory: Path, snapshot_id: str) -> Contents:
    """The snapshot of that name among those in `directory`. BackupError where it is none, or is damaged."""
    last = inventory.load(directory / snapshot_id)
    names = [snapshot_id] if last.base is None else [last.base, snapshot_id]
    return Contents(tuple(directory / name for name in names), last)
