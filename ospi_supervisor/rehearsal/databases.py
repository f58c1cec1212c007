"""What a database engine gives to a twin: its files, its server, its rows.

To add an engine: a class with the methods of `DatabaseTwin` in a file of its own, and a row in `engines.py`. The twin
calls, in this order, for all its databases each time:

1. `weight()`, to know whether there is room: the bytes that `prepare` and `start` will write on the twin's disk;
2. `prepare(...)`, outside, as the worker: it fills `place`, a new folder of its own (mode 0700, below the twin's, on a
   local disk), and says what the twin must show of it. Nothing is started yet;
3. `start(...)`, once the twin stands and before the first hook: it starts its server inside, waits for it and loads
   every row. It says what it could count.

There is no stop: a twin ends by the death of its process namespace, at any instant, and its folder is removed. Whatever
is wrong is a `NotRehearsedError` with its reason in the administrator's words: no failure of the twin's refuses an
update. `tick` is called several times a second and may raise.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from ospi_supervisor.backup.inventory import Facts
from ospi_supervisor.errors import NotRehearsedError
from ospi_supervisor.hands.accounts import Account

Tick = Callable[[], None]


@dataclass(frozen=True, kw_only=True)
class Needs:
    """What a database asks of the twin before it stands.

    `folders` name, by their path in the twin, what of `place` is shown there, writable. `files` are single ones that
    take the place of the platform's, by their path, each with its facts (owner, mode, attributes). `names` gives the
    address of each host name that must resolve, and `addresses` those that the twin's loopback answers on, beside
    127.0.0.1.
    """

    folders: Mapping[Path, Path] = field(default_factory=dict)
    files: Mapping[Path, tuple[Path, Facts]] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Program:
    """A program run inside, by its path there, in the folder `cwd`, as `account`; `given` is its standard input. Its
    environment is `env` and PATH, LANG, HOME. `may_fail` says that nothing depends on it."""

    command: tuple[str, ...]
    account: Account
    env: Mapping[str, str] = field(default_factory=dict)
    given: str = ""
    cwd: str = "/"
    may_fail: bool = False


class Inside(Protocol):
    """A twin that stands, for whoever starts something in it."""

    def run(self, program: Program, seconds: float) -> tuple[int, str]:
        """Run it to its end: its exit status and what it printed, errors included, 1 MiB at most.

        NotRehearsedError where it cannot be started or takes longer than `seconds`."""

    def start(self, program: Program) -> None:
        """Start it in the background; it ends with the twin. What it prints is lost: have it write to a file.
        NotRehearsedError where it cannot be started."""


class DatabaseTwin(Protocol):
    """One configured database, as a twin has it."""

    @property
    def name(self) -> str:
        """Its name in the configuration."""

    def weight(self) -> int:
        """About how many bytes it takes on the twin's disk."""

    def prepare(self, dump: Path, facts: Facts, place: Path, tick: Tick) -> Needs:
        """Fill `place` from the snapshot's `dump` (a file or folder of root's) and what was recorded of it."""

    def start(self, inside: Inside, tick: Tick) -> Mapping[str, int]:
        """Have it serve, with every row: how many rows each table has, by its name; empty where that is not known."""


class UnloadableError(NotRehearsedError):
    """A dump that is as it was written, and does not load all the same: its snapshot cannot be restored."""
