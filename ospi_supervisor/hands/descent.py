"""Folders opened step by step: what another account put in a path leads root nowhere."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from ospi_supervisor.errors import BackupError

MOST_LINKS = 40  # as the kernel
_STEP = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True)
class _Step:
    """One name of a path: the descriptor of what it names, and whether only root, or we, could have put it there."""

    descriptor: int
    ours: bool

    def facts(self) -> os.stat_result:
        return os.fstat(self.descriptor)


def resolved(path: Path) -> Path:
    """Where the absolute `path` leads, as far as it exists.

    Links are followed where only root, or this process' own account, can have put them: BackupError names another.
    Raises OSError where a folder on the way cannot be looked at.
    """
    left = [*reversed(path.parts[1:])]
    found = Path("/")
    links = 0
    step = _Step(os.open("/", _STEP), ours=True)
    try:
        while left:
            name = left.pop()
            deeper = _deeper(step, name)
            if deeper is None:
                return found.joinpath(name, *reversed(left))
            if not stat.S_ISLNK(deeper.facts().st_mode):
                os.close(step.descriptor)
                step, found = deeper, found / name
                continue
            target = Path(os.readlink("", dir_fd=deeper.descriptor))
            os.close(deeper.descriptor)
            links += 1
            if not deeper.ours or links > MOST_LINKS:
                raise BackupError(
                    f"{found / name} est un lien que le compte d'une application a pu poser : root ne le suit pas ;"
                    f" nommez dans la configuration l'endroit où il mène ({target}), ou remettez-y un vrai dossier"
                )
            left += reversed(Path(os.path.normpath(found / target)).parts[1:])
            os.close(step.descriptor)
            step, found = _Step(os.open("/", _STEP), ours=True), Path("/")
        return found
    finally:
        os.close(step.descriptor)


def _deeper(step: _Step, name: str) -> _Step | None:
    """What `name` is in the folder of `step`; None where it is not, or that is no folder."""
    folder = step.facts()
    try:
        descriptor = os.open(name, _STEP, dir_fd=step.descriptor)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return _Step(descriptor, step.ours and _only_ours(folder, os.fstat(descriptor)))


def _only_ours(folder: os.stat_result, entry: os.stat_result) -> bool:
    """Whether nobody else can have put `entry` into `folder`."""
    us = (0, os.geteuid())
    if folder.st_uid not in us:
        return False
    return not _is_shared(folder) or bool(folder.st_mode & stat.S_ISVTX and entry.st_uid in us)


def open_folder(path: Path) -> int:
    """A descriptor (O_PATH) of the folder at the absolute `path`, in which no name may be a link; the caller's.

    OSError where a name is missing, is a link or no folder.
    """
    descriptor = os.open("/", _STEP | os.O_DIRECTORY)
    for name in path.parts[1:]:
        try:
            deeper = os.open(name, _STEP | os.O_DIRECTORY, dir_fd=descriptor)
        except OSError as error:
            error.filename = os.fspath(path)
            raise
        finally:
            os.close(descriptor)
        descriptor = deeper
    return descriptor


def others_can_change(path: Path) -> Path | None:
    """The first name on the way to the absolute `path` that an account beside root and ours could replace, or whose
    contents it could; None where there is none. What does not exist yet is passed over. OSError."""
    for place in (*reversed(path.parents), path):
        if not os.path.lexists(place):
            return None
        facts = place.stat()
        if facts.st_uid not in (0, os.geteuid()) or (_is_shared(facts) and not facts.st_mode & stat.S_ISVTX):
            return place
    return None


def _is_shared(folder: os.stat_result) -> bool:
    return bool(folder.st_mode & stat.S_IWOTH or (folder.st_mode & stat.S_IWGRP and folder.st_gid != 0))


def identity(path: Path) -> tuple[int, int]:
    """What tells the folder at the absolute `path` from others. OSError as `open_folder`; for who is not root, links
    are followed."""
    descriptor = open_folder(path) if os.geteuid() == 0 else os.open(path, os.O_PATH | os.O_DIRECTORY)
    try:
        facts = os.fstat(descriptor)
    finally:
        os.close(descriptor)
    return facts.st_dev, facts.st_ino


def make_folder(path: Path) -> None:
    """Make the folder at the absolute `path` and those above that are missing; no link is followed. OSError."""
    present = next(folder for folder in (path, *path.parents) if os.path.lexists(folder))
    descriptor = open_folder(present)
    try:
        for name in path.relative_to(present).parts:
            os.mkdir(name, 0o755, dir_fd=descriptor)
            deeper = os.open(name, _STEP | os.O_DIRECTORY, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = deeper
    finally:
        os.close(descriptor)
