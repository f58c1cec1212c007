"""What a twin sees of the machine: the system, what the platform's configuration names, and nothing else.

What is named is seen as it is, through a layer that takes what is written there and is thrown away: programs find what
they find in reality, and change none of it. A socket seen through a layer leads nowhere.
"""

import os
import pwd
import shlex
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ospi_supervisor.config.tables import Config, ServiceTable
from ospi_supervisor.errors import BackupError
from ospi_supervisor.hands.descent import resolved
from ospi_supervisor.system.mounts import mounted_below

SYSTEM = tuple(map(Path, ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")))
"""Seen read-only."""
COMMON = (Path("/etc"), Path("/opt"))
"""Settings and software, named on every machine."""
NEW = (Path("/run"), Path("/tmp"), Path("/var/tmp"), Path("/dev"), Path("/proc"), Path("/sys"))  # noqa: S108
"""A twin has its own, with what is named in them."""
OWN_LINKS = (Path("/var/run"), Path("/var/lock"))
TOO_MUCH = frozenset(map(Path, ("/", "/home", "/root", "/srv", "/var", "/mnt", "/media", "/boot", "/data", "/var/lib")))
"""Never seen as a whole because a file in them is named."""
OF_ACCOUNT = (Path("/var/lib"), Path("/var/log"), Path("/var/cache"), Path("/var/spool"), Path("/var/opt"))
"""Where programs have folders of their own: those of the platform's account are named."""


@dataclass(frozen=True)
class Named:
    """`layers` are the real folders seen through a layer, outermost alone; `files` single ones, read-only; `empty` the
    folders that the twin has without what is in them; `links` lead from a path that is named to where that is."""

    layers: tuple[Path, ...]
    files: tuple[Path, ...]
    empty: tuple[Path, ...]
    links: Mapping[Path, Path]

    def sees(self, path: Path) -> bool:
        """Whether a path of the real machine is the twin's too."""
        return any(path.is_relative_to(place) for place in (*SYSTEM, *self.layers, *self.files))


def named(config: Config, data: Iterable[Path], more: Iterable[str] = ()) -> Named:
    """What the twin of this platform sees, beside `data`, which it has copies of; `more` are other paths to be seen."""
    covered, words = tuple(data), [*_words(config), *more]
    found: set[Path] = set()
    files: set[Path] = set()
    for place in _candidates(config, words):
        if any(place.is_relative_to(folder) for folder in (*SYSTEM, *NEW[3:], *covered)):
            continue
        folder = place if place.is_dir() else place.parent
        if folder in TOO_MUCH or folder in NEW:
            if place.is_file():
                files.add(place)
        else:
            found.add(folder)
    empty = {place for place in found if place.is_relative_to("/run")} | set(_of_account(Path("/run"), config))
    layers = outermost(found - empty)
    mounts = [place for layer in layers for place in mounted_below(layer)]
    inner = [place for place in mounts if place.is_dir() and not any(place.is_relative_to(top) for top in covered)]
    return Named((*layers, *inner), tuple(sorted(files)), tuple(sorted(empty)), dict(_links(words)))


def outermost(folders: Iterable[Path]) -> tuple[Path, ...]:
    """The folders without those that lie in another."""
    known = set(folders)
    return tuple(sorted(folder for folder in known if not known & set(folder.parents)))


def _candidates(config: Config, words: Iterable[str]) -> Iterator[Path]:
    platform = config.platform
    yield from (_real(place) for place in (*COMMON, platform.root))
    home = Path(pwd.getpwnam(platform.account).pw_dir if platform.account else os.path.expanduser("~"))  # noqa: PTH111
    if home.is_dir() and home not in TOO_MUCH and platform.account is not None:
        yield _real(home)
    for word in words:
        with suppress(OSError, ValueError):  # what we cannot look at, or is no path, our programs cannot use
            yield from _of_word(word)
    for place in OF_ACCOUNT:
        yield from _of_account(place, config)


def _words(config: Config) -> Iterator[str]:
    """The paths that the configuration and our environment name, and words that are none."""
    platform = config.platform
    for service in platform.services:
        yield from _words_of(service)
    files = (file for table in platform.databases if (file := table.sqlite_file) is not None)
    for place in (*platform.data_dirs, *files, platform.root):
        yield f"/{str(place).lstrip('/')}"
    yield from os.environ.get("PATH", "").split(":")


def _links(words: Iterable[str]) -> Iterator[tuple[Path, Path]]:
    """The first link on the way to each path, and where it leads."""
    for word in words:
        path = Path(word)
        above = reversed((path, *path.parents)) if path.is_absolute() else ()
        link = next((place for place in above if os.path.islink(place)), None)  # noqa: PTH114 - none of ours to look at
        if link is not None and link not in (*SYSTEM, *OWN_LINKS):
            yield link, Path(os.path.realpath(link))


def _words_of(service: ServiceTable) -> Iterator[str]:
    for command in (service.start, service.stop, service.status):
        for word in shlex.split(command or ""):
            yield word.partition("=")[2] if word.startswith("-") and "=" in word else word


def _of_word(word: str) -> Iterator[Path]:
    """What an absolute path that somebody names asks to be seen: of a program, all that is installed with it."""
    path = Path(word)
    if not path.is_absolute():
        return
    for place in dict.fromkeys((path, Path(os.path.realpath(path)))):
        if place.is_file() and place.parent.name in ("bin", "sbin"):
            place = place.parent.parent
        elif (place.is_dir() and place.name in ("bin", "sbin")) or not place.exists():
            place = place.parent
        if place.exists():
            yield _real(place)


def _of_account(place: Path, config: Config) -> Iterator[Path]:
    """The folders in `place` that are the platform's account's own."""
    if config.platform.account is None or os.geteuid() != 0:
        return
    owner = pwd.getpwnam(config.platform.account).pw_uid
    with os.scandir(place) as entries:
        for entry in entries:
            facts = entry.stat(follow_symlinks=False)
            if stat.S_ISDIR(facts.st_mode) and facts.st_uid == owner:
                yield Path(entry.path)


def _real(place: Path) -> Path:
    """Where it lies, links followed where none but root could put them; as it is named where that is not so."""
    if os.geteuid() != 0:
        return Path(os.path.realpath(place))
    try:
        return resolved(place)
    except (BackupError, OSError):
        return place
