"""The hand that opens SQLite files: it has the rights of the account that owns them, and sees nothing but their folder.

SQLite obeys what lies beside a database: opening one replays a journal, and deletes the file that a journal names.
"""

import os
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypedDict

import msgspec

from ospi_supervisor.errors import BackupError
from ospi_supervisor.hands.accounts import Account, account_named
from ospi_supervisor.hands.conversation import Hand, hand
from ospi_supervisor.hands.sandbox import LENT, View, is_enclosed, name_of_lent, program

NOBODY = "nobody"
SLACK_BYTES = 64 << 20
Tick = Callable[[], None]


class FileFacts(TypedDict):
    """A database's file, as it is made again: `attributes` by their names, in base64 (ACLs are among them)."""

    path: str
    mode: int
    uid: int
    gid: int
    attributes: dict[str, str]


class DatabaseHand:
    """The hand of the account `owner` for the SQLite file at `path`. `tick` is called all along; errors are the
    system's OSError, and HandRefusedError with what SQLite says or whose the file is."""

    def __init__(self, path: Path, owner: Account) -> None:
        self._path = path
        self._owner = owner

    def check(self, tick: Tick) -> None:
        """Whether it is a database that can be read."""
        with _started(self._owner, View(folders=[self._path.parent], capabilities=self._owner.capabilities)) as hand:
            list(hand.ask("check", tick, **self._file))

    def dump(self, to: Path, size: int, tick: Tick) -> FileFacts:
        """Write one consistent state of about `size` bytes into the new file `to`; the facts of the database's file.

        `to` is ours: for the time of the copy it is lent to the account, under a name that leads nowhere else.
        """
        return self._written("dump", to, size, tick)

    def copy(self, to: Path, size: int, tick: Tick) -> FileFacts:
        """As `dump`, of a file that nobody uses and that no log completes: its bytes, or the same blocks."""
        return self._written("copy", to, size, tick)

    def _written(self, do: str, to: Path, size: int, tick: Tick) -> FileFacts:
        with _lent(to, os.O_RDWR | os.O_CREAT | os.O_EXCL, self._owner) as descriptor:
            view = View(folders=[self._path.parent], lent={LENT: descriptor}, capabilities=self._owner.capabilities)
            with _started(self._owner, view, 2 * size + SLACK_BYTES) as hand:
                (answer,) = hand.ask(do, tick, to=name_of_lent(to), **self._file)
        return msgspec.convert(answer[0], FileFacts)

    @property
    def _file(self) -> Mapping[str, Any]:
        """What is asked of. Where only root can put a file, it is not held against an owner."""
        held_against = self._owner.user if is_enclosed() and self._owner.user != 0 else None
        return {"path": os.fspath(self._path), "owner": held_against}


def damage(dump: Path, tick: Tick, *, thorough: bool) -> str | None:
    """What SQLite finds wrong in the file `dump`, None where it is sound; of its indexes too where `thorough`.

    It is read by an account that has no right, and that sees nothing else. OSError, HandRefusedError.
    """
    nobody = account_named(NOBODY) if is_enclosed() else Account(os.geteuid(), (os.getegid(),))
    with (
        _lent(dump, os.O_RDONLY, nobody) as descriptor,
        _started(nobody, View(lent={LENT: descriptor}, capabilities=nobody.capabilities)) as hand,
    ):
        found = list(hand.ask("prove", tick, path=name_of_lent(dump), thorough=thorough))
    return str(found[0]) if found else None


@contextmanager
def _started(account: Account, view: View, most_bytes: int = SLACK_BYTES) -> Iterator[Hand]:
    with hand(program("database", str(most_bytes), *account.words), view) as started:
        yield started


@contextmanager
def _lent(path: Path, flags: int, account: Account) -> Iterator[int]:
    """A descriptor of our file `path`, which is the account's while the block runs. Its folder is closed to all others:
    the hand alone reaches it."""
    descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode):
            raise BackupError(f"{path} n'est pas un fichier")
        if is_enclosed():
            os.fchown(descriptor, account.user, account.groups[0])
        try:
            yield descriptor
        finally:
            if is_enclosed():
                os.fchown(descriptor, facts.st_uid, facts.st_gid)
    finally:
        os.close(descriptor)
