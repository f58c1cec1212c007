"""The hand in one folder of the platform's: it has root's rights, and sees nothing but that folder."""

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Self

import msgspec

from ospi_supervisor.errors import BackupError
from ospi_supervisor.hands.conversation import Hand, hand
from ospi_supervisor.hands.descent import identity
from ospi_supervisor.hands.sandbox import KEEPING, LENT, View, name_of_lent, program

QUARANTINE_PREFIX = ".ospi-quarantaine-"
"""Folders so named hold what restores set aside: no snapshot takes them, no restore touches them."""

Tick = Callable[[], None]


class Entry(NamedTuple):
    """One name below the data folders. `path` is relative to `/`, bytes that are not UTF-8 kept as surrogates.

    A `ctime_ns` of 0 says "unknown": what changed so shortly before the list was made that a later change
    could bear the same times. Such an entry equals nothing. `size` is 0 for all but files: a folder's says nothing.
    """

    path: str
    kind: str
    mode: int
    uid: int
    gid: int
    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int


class FolderHand:
    """The hand in the folder `top`. `tick` is called all along; OSError is the system's, BackupError the hand's."""

    def __init__(self, hand: Hand, top: Path) -> None:
        self.top = top
        self._hand = hand

    @property
    def listens(self) -> bool:
        """Whether it can be asked: its last answer was read to the end."""
        return self._hand.listens

    def scan(
        self, left_out: Collection[Path], newest_ns: int, tick: Tick, *, reachable: bool = False
    ) -> Iterator[Entry]:
        """Everything in the folder but `left_out` and quarantines; what changed at `newest_ns` or later as unknown.

        Of what lies deeper than a path can say: OSError, or nothing where what is `reachable` will do.
        """
        inner = os.fspath(self.top).lstrip("/")
        within = f"{inner}/"
        for fields in self._walk("scan", left_out, tick, newest=newest_ns, reachable=reachable):
            entry = _entry(fields)
            if not entry.path.startswith(within) and entry.path != inner:
                raise BackupError("un processus auxiliaire nomme ce qu'il ne peut pas voir ; contactez le support")
            yield entry

    def weigh(self, left_out: Collection[Path], tick: Tick) -> int:
        """The bytes that a snapshot of what `scan` would list may take: no holes, a file of several names once."""
        return sum(int(value) for value in self._walk("weigh", left_out, tick))

    def sealed(self, left_out: Collection[Path], most: int, tick: Tick) -> list[tuple[str, str]]:
        """The first `most` of what `scan` would list that nobody can change or replace, and what keeps them from it."""
        return [(str(path), str(why)) for path, why in filter(None, self._walk("sealed", left_out, tick, most=most))]

    def _walk(self, do: str, left_out: Collection[Path], tick: Tick, **more: Any) -> Iterator[Any]:
        skipped = [os.fspath(path) for path in left_out if path.is_relative_to(self.top)]
        return self._hand.ask(
            do, tick, folder=os.fspath(self.top), left_out=skipped, quarantine_prefix=QUARANTINE_PREFIX, **more
        )

    def set_aside(self, paths: Sequence[str], name: str, mounts: Iterable[Path], tick: Tick) -> None:
        """Move `paths` into the quarantine `name`, on the file system where each lies: nothing is deleted."""
        places = [os.fspath(place) for place in mounts if place.is_relative_to(self.top)]
        self._do("set_aside", tick, paths=paths, name=name, mounts=places, top=os.fspath(self.top))

    def quarantined(self, name: str, places: Iterable[str], tick: Tick) -> tuple[list[Path], list[Path]]:
        """The quarantines of that name in one of `places`, and the files in them."""
        answer = list(self._hand.ask("quarantined", tick, name=name, places=list(places)))
        folders = [Path(str(value[0])) for value in answer if isinstance(value, list)]
        return folders, [Path(value) for value in answer if isinstance(value, str)]

    def strip(self, paths: Sequence[str], tick: Tick) -> None:
        """Take the attributes of those of `paths` that are folders."""
        self._do("strip", tick, paths=paths)

    def set_times(self, entries: Iterable[tuple[str, int]], tick: Tick) -> None:
        """Give each path its time, in nanoseconds."""
        self._do("set_times", tick, entries=list(entries))

    def sync(self, places: Iterable[Path], tick: Tick) -> None:
        """Make the file systems of `places` durable."""
        self._do("sync", tick, places=[os.fspath(place) for place in places])

    def sealed_at(self, path: Path) -> str | None:
        """What keeps everybody from changing `path` itself (`system.probes`); None where nothing does."""
        found = list(self._hand.ask("sealed_at", _nothing, path=os.fspath(path)))
        return str(found[0]) if found else None

    def read_to_end(self, path: str, tick: Tick) -> None:
        """Read the file at `path`: OSError where that cannot be done to its end. One that is gone is no error."""
        self._do("read_to_end", tick, path=path)

    def replace_database(
        self, path: Path, new: Path, companions: Sequence[Path], facts: Mapping[str, Any], dump: Path, tick: Tick
    ) -> None:
        """Write `dump`, which is lent, as the file `new`, with its `facts`, remove `companions` and put it in the place
        of `path`."""
        self._do(
            "replace_database",
            tick,
            dump=name_of_lent(dump),
            path=os.fspath(path),
            new=os.fspath(new),
            companions=[os.fspath(companion) for companion in companions],
            facts=dict(facts),
        )

    def _do(self, do: str, tick: Tick, **arguments: Any) -> None:
        for _ in self._hand.ask(do, tick, **arguments):
            pass


@contextmanager
def folder_hand(top: Path, lent: int | None = None) -> Iterator[FolderHand]:
    """A hand in `top` while the block runs; a file of ours is `lent` to it. OSError where there is no such folder, or a
    link on the way to it."""
    files = {} if lent is None else {LENT: lent}
    with hand(program("folder"), View(folders=[top], lent=files, capabilities=KEEPING)) as started:
        yield FolderHand(started, top)


class FolderHands:
    """The hands of one operation, which goes through the same folders several times: each is started when first asked
    for, and works until the block ends.

    The way to a folder is opened anew each time: where another folder stands at its end, that one has a hand of its
    own, and a link there is refused as `folder_hand` does.
    """

    def __init__(self) -> None:
        self._started = ExitStack()
        self._hands: dict[Path, tuple[tuple[int, int], FolderHand]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._started.close()

    def of(self, top: Path) -> FolderHand:
        """The hand in `top`. OSError as `folder_hand`."""
        present = identity(top)
        known, hand = self._hands.get(top, (None, None))
        if hand is None or known != present or not hand.listens:
            hand = self._started.enter_context(folder_hand(top))
            self._hands[top] = (present, hand)
        return hand


def _nothing() -> None:
    """What is quickly done."""


def _entry(fields: object) -> Entry:
    try:
        return msgspec.convert(fields, Entry)
    except msgspec.ValidationError as error:
        raise BackupError(f"un processus auxiliaire répond autrement qu'attendu ({error})") from error
