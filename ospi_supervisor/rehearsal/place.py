"""Where twins lie on the disk, and what a killed worker left of them."""

import os
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path

import psutil

from ospi_supervisor.config.tables import Config
from ospi_supervisor.domain.words import size
from ospi_supervisor.errors import BusyError, NotRehearsedError
from ospi_supervisor.hands import ending
from ospi_supervisor.platform.room import free_bytes
from ospi_supervisor.rehearsal.limits import LEAST_FREE_SHARE, sweep_groups
from ospi_supervisor.system.files import remove_closed_tree
from ospi_supervisor.system.lock import exclusive

NAME = ".repetition"
SLACK_BYTES = 32 << 20
WRITTEN_SHARE = 0.5
"""Of the data, what hooks may write anew."""
REMOTE = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "fuse.sshfs", "overlay", "tmpfs"})
"""File systems that no layer can lie on, or that are memory."""
SWEEP_SECONDS = 10.0
OTHER_SECONDS = 60.0
"""How long the twin of a drill is waited for, which ends when an update begins."""


def sweep(config: Config) -> None:
    """Remove what a twin left whose worker was killed; its processes have died with it, or do now. One that stands is
    nobody's leftover. OSError."""
    with suppress(BusyError), _lock(config):
        _sweep(config)


def _sweep(config: Config) -> None:
    ending.sweep()
    for folder in _candidates(config):
        deadline = time.monotonic() + SWEEP_SECONDS
        while os.path.lexists(folder):
            try:
                remove_closed_tree(folder)
            except OSError:  # its last processes are just dying
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
    sweep_groups()


@contextmanager
def place(config: Config, needed: int) -> Iterator[Path]:
    """A new empty folder for a twin that weighs so many bytes, removed after the block. NotRehearsedError where no disk
    has room for it, or another twin stands."""
    with _only_twin(config):
        _sweep(config)
        folder = _with_room(config, needed)
        folder.mkdir(mode=0o700, parents=True)
        try:
            yield folder
        finally:
            _sweep(config)


@contextmanager
def _only_twin(config: Config) -> Iterator[None]:
    """Hold the twins' lock, which a drill gives up soon after an update began. NotRehearsedError."""
    deadline = time.monotonic() + OTHER_SECONDS
    with ExitStack() as stack:
        while True:
            try:
                stack.enter_context(_lock(config))
                break
            except BusyError as error:
                if time.monotonic() > deadline:
                    raise NotRehearsedError(str(error)) from error
                time.sleep(0.1)
        yield


def _lock(config: Config) -> AbstractContextManager[None]:
    return exclusive(config.paths.engine_dir / "double.lock", "un autre double de la plateforme est là")


def _candidates(config: Config) -> tuple[Path, ...]:
    return (config.backup.directory / NAME, config.paths.engine_dir / NAME)


def _with_room(config: Config, needed: int) -> Path:
    wanted = int(needed * (1 + WRITTEN_SHARE)) + SLACK_BYTES
    lacking = []
    for folder in _candidates(config):
        above = folder.parent
        if _kind(above) in REMOTE:
            lacking.append(f"{above} ({_kind(above)}) ne peut pas porter de double")
            continue
        disk = os.statvfs(above)
        free = free_bytes(above) - int(LEAST_FREE_SHARE * disk.f_blocks * disk.f_frsize)
        if free >= wanted:
            return folder
        lacking.append(f"{above} : {size(max(0, free))} libres, {size(wanted)} demandés")
    raise NotRehearsedError(f"pas de place pour le double ({' ; '.join(lacking)})")


def _kind(folder: Path) -> str:
    """The kind of the file system that `folder` lies on."""
    known = {Path(part.mountpoint): part.fstype for part in psutil.disk_partitions(all=True)}
    above = (folder, *folder.parents)
    return next((known[place] for place in above if place in known), "")
