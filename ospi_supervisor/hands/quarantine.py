"""The way of a quarantine between the folder that a hand sees and the place beside it, where nobody else reaches it.

A hand sets aside within the folder, the only place that it sees. Root carries the whole out by one rename between two
folders that it holds open: nothing in it is looked at, and a rename follows no link.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ospi_supervisor.hands.descent import open_folder
from ospi_supervisor.system.mounts import mount_points


def bring_in(top: Path, name: str) -> None:
    """Put what an earlier restore carried out of `top` back into it, for the hand to add to. OSError."""
    if top in mount_points():
        return
    with _opened(top.parent) as beside, _opened(top) as within:
        if _is_own(beside, name) and not _lies(within, name):
            with _opened(top.parent / name) as outer:
                if _is_own(outer, top.name):
                    os.rename(top.name, name, src_dir_fd=outer, dst_dir_fd=within)


def carry_out(top: Path, name: str) -> Path:
    """Where the quarantine `name` of `top` lies now: beside it, below the quarantine of that name, or still within
    where `top` is a file system of its own. OSError."""
    if top in mount_points():
        return top / name
    with _opened(top.parent) as beside, _opened(top) as within:
        if _lies(within, name):
            if not _is_own(beside, name):
                _make_way(beside, name)
                os.mkdir(name, 0o700, dir_fd=beside)
            with _opened(top.parent / name) as outer:
                _make_way(outer, top.name)
                os.rename(name, top.name, src_dir_fd=within, dst_dir_fd=outer)
    return top.parent / name / top.name


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    descriptor = open_folder(folder)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _lies(folder: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _is_own(folder: int, name: str) -> bool:
    """Whether `name` is a folder that nobody else can put anything in: names of quarantines can be guessed."""
    try:
        facts = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return stat.S_ISDIR(facts.st_mode) and facts.st_uid == os.geteuid() and not facts.st_mode & 0o022


def _make_way(folder: int, name: str) -> None:
    """Give what stands at `name` the same name with a number."""
    if _lies(folder, name):
        number = 2
        while _lies(folder, f"{name}~{number}"):
            number += 1
        os.rename(name, f"{name}~{number}", src_dir_fd=folder, dst_dir_fd=folder)
