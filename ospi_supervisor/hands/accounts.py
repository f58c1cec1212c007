"""Accounts by their numbers, as hands become them."""

import os
import pwd
from dataclasses import dataclass
from pathlib import Path

from ospi_supervisor.errors import BackupError

CHANGING_ACCOUNT = ("SETUID", "SETGID")
"""What a hand needs to become another account, which is the first thing that it does."""


@dataclass(frozen=True)
class Account:
    """An account by its numbers; `groups` begins with its own."""

    user: int
    groups: tuple[int, ...]

    @property
    def words(self) -> list[str]:
        """What a hand's command says of it."""
        return [str(number) for number in (self.user, *self.groups)]

    @property
    def capabilities(self) -> tuple[str, ...]:
        """What a hand that is to become it is given: as root it goes on as root, without root's other rights."""
        return CHANGING_ACCOUNT if self.user != 0 else ("DAC_OVERRIDE",)


def account_named(name: str) -> Account:
    """The account called `name`. BackupError where the machine has none."""
    try:
        entry = pwd.getpwnam(name)
    except KeyError as error:
        raise BackupError(f"le compte « {name} » n'existe pas ; créez-le ou corrigez la configuration") from error
    own = entry.pw_gid
    return Account(entry.pw_uid, (own, *(group for group in os.getgrouplist(name, own) if group != own)))


def owner_of(folder: Path) -> Account:
    """The account that owns `folder`. OSError."""
    facts = folder.stat()
    try:
        return account_named(pwd.getpwuid(facts.st_uid).pw_name)
    except KeyError:
        return Account(facts.st_uid, (facts.st_gid,))
