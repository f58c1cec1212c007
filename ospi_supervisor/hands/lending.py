"""Folders of root's, lent to a program that runs as an account without rights.

By a descriptor: such an account cannot pass through the folders above, and no other process of the machine can follow.
"""

import os
import pwd
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ospi_supervisor.errors import BackupError
from ospi_supervisor.hands.accounts import Account

UNUSED = range(65533, 65000, -1)
"""Numbers that distributions reserve and give to nobody."""
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True)
class Lent:
    """What the program calls the folder, and the descriptors that it must be handed."""

    name: str
    descriptors: tuple[int, ...]


def stranger() -> Account:
    """An account that nobody else has: no other process can look into one that runs as it, and it owns nothing."""
    number = next(number for number in UNUSED if not _is_somebodys(number))
    return Account(number, (number,))


def _is_somebodys(number: int) -> bool:
    try:
        pwd.getpwuid(number)
    except KeyError:
        return False
    return True


@contextmanager
def lent_empty(folder: Path, account: Account | None) -> Iterator[Lent]:
    """The new `folder`, for `account` to fill while the block runs; then it is root's, and as it was filled.

    None is this process' own account. BackupError where anything but plain files was put there; OSError.
    """
    folder.mkdir(mode=0o700)
    if account is None:
        yield Lent(os.fspath(folder), ())
        return
    descriptor = os.open(folder, _FOLDER)
    try:
        os.fchown(descriptor, account.user, account.groups[0])
        yield Lent(f"/proc/self/fd/{descriptor}", (descriptor,))
        os.fchown(descriptor, os.geteuid(), account.groups[0])  # first: from here on its names stand still
        os.fchmod(descriptor, 0o750)
        for path in folder.iterdir():
            _take_back(path, account)
    finally:
        os.close(descriptor)


def _take_back(path: Path, account: Account) -> None:
    facts = path.lstat()
    if not stat.S_ISREG(facts.st_mode) or facts.st_nlink != 1 or facts.st_uid != account.user:
        raise BackupError(f"{path} n'est pas un fichier de la sauvegarde : elle est refusée ; contactez le support")
    if account.user not in UNUSED:
        _renew(path)  # another process of that account may hold it open
    _let_read(path, account, 0o640)


def _renew(path: Path) -> None:
    copy = path.with_name(f"{path.name}.copie")
    with path.open("rb") as source, copy.open("xb") as target:
        shutil.copyfileobj(source, target, 1 << 20)
    copy.replace(path)


@contextmanager
def lent(folder: Path, account: Account | None) -> Iterator[Lent]:
    """Our `folder` of plain files, which `account` may read while the block runs. None is this process' own account.

    Nobody else can: no other account passes through the folders above. OSError.
    """
    if account is None:
        yield Lent(os.fspath(folder), ())
        return
    descriptor = os.open(folder, _FOLDER)
    try:
        _let_read(folder, account, 0o750)
        for path in folder.iterdir():
            _let_read(path, account, 0o640)
        yield Lent(f"/proc/self/fd/{descriptor}", (descriptor,))
    finally:
        os.close(descriptor)


def _let_read(path: Path, account: Account, mode: int) -> None:
    """Nothing where it is so: a snapshot's files are known by the time of their last change."""
    facts = path.lstat()
    if (facts.st_uid, facts.st_gid, stat.S_IMODE(facts.st_mode)) != (os.geteuid(), account.groups[0], mode):
        os.chown(path, os.geteuid(), account.groups[0], follow_symlinks=False)
        path.chmod(mode)
