"""What a hand sees of the machine and as whom it acts: the command that starts it so (bubblewrap)."""

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import MappingProxyType

import ospi_supervisor
from ospi_supervisor.errors import BackupError
from ospi_supervisor.hands.descent import open_folder

PROGRAMS = "/usr/bin:/bin:/usr/sbin:/sbin"
"""Where the system's own programs are looked for: never where the environment says."""

KEEPING = ("CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "MKNOD", "SETFCAP", "SYS_ADMIN")
"""What root needs to read and to write everything as it was. SYS_ADMIN is for attributes called `trusted.`."""

_SYSTEM = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_ENTER = (
    "import importlib, sys; sys.path += sys.argv.pop(1).split(':');"
    " importlib.import_module('ospi_supervisor.' + sys.argv.pop(1)).main()"
)


LENT = "/copie"
"""What a hand calls the file that is lent to it."""


@dataclass(frozen=True, kw_only=True)
class View:
    """What a hand sees beside the system: `folders` it may change, and files lent by descriptor under names of its own.

    A folder is opened step by step when the hand is started: a link that others put in its place is refused.
    `libraries` are this program's own.
    """

    folders: Sequence[Path] = ()
    lent: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    capabilities: Sequence[str] = ()
    libraries: bool = False


def program(module: str, *arguments: str) -> list[str]:
    """The command that runs `hands/inside/<module>.py`, isolated from site packages and from the environment."""
    return _command([str(package().parent)], f"hands.inside.{module}", arguments)


def program_with_libraries(module: str, *arguments: str) -> list[str]:
    """The same for a module of another room, which needs this program's libraries: its view must have them."""
    return _command([str(package().parent), *_libraries()], module, arguments)


def _command(places: Sequence[str], module: str, arguments: Sequence[str]) -> list[str]:
    return [os.path.realpath(sys.executable), "-I", "-S", "-c", _ENTER, ":".join(places), module, *arguments]


def _libraries() -> list[str]:
    return sorted({os.path.realpath(sysconfig.get_path(kind)) for kind in ("purelib", "platlib")})


def system_program(name: str) -> str:
    """The path of one of the system's own programs. BackupError where it is not installed."""
    found = shutil.which(name, path=PROGRAMS)
    if found is None:
        raise BackupError(f"« {name} » n'est pas installé sur ce serveur ; installez-le")
    return found


def is_enclosed() -> bool:
    """Whether hands are given less than this process has: only root can do so, and only root needs to."""
    return os.geteuid() == 0


def name_of_lent(path: Path) -> str:
    """What a hand calls our file `path` that is lent to it."""
    return LENT if is_enclosed() else os.fspath(path)


@contextmanager
def enclosed(command: Sequence[str], view: View) -> Iterator[tuple[list[str], tuple[int, ...]]]:
    """The command that runs `command` with that `view`, and the descriptors to hand over to its start.

    An ordinary user's hands have that user's rights and no fewer: `command` is returned as it is.
    Raises OSError where a folder of `view` is missing, or a name on the way to it is a link; BackupError where
    neither bubblewrap nor `unshare` is installed.
    """
    if not is_enclosed():
        yield list(command), tuple(view.lent.values())
        return
    descriptors: list[int] = []
    try:
        arguments = [*walls(), "--cap-drop", "ALL"]
        for capability in view.capabilities:
            arguments += ["--cap-add", f"CAP_{capability}"]
        arguments += system_view()
        for folder in view.folders:
            descriptors.append(open_folder(folder))
            arguments += [*parents_view(folder), "--bind-fd", str(descriptors[-1]), str(folder)]
        for name, descriptor in view.lent.items():
            arguments += ["--bind-fd", str(descriptor), name]
        arguments += program_view(libraries=view.libraries)  # after the folders: it may lie in one of them
        yield [*arguments, "--remount-ro", "/", "--", *command], (*descriptors, *view.lent.values())
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


def enclosure() -> str | None:
    """The program that encloses hands; None where they have this process' own rights. BackupError, OSError where none
    can be enclosed here."""
    if not is_enclosed():
        return None
    with enclosed(["true"], View()) as (command, _):
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False, env={})
    if done.returncode:
        words = done.stderr.decode("utf-8", "replace").strip()
        raise BackupError(f"« {command[0]} » ne peut pas isoler de processus sur ce serveur ({words})")
    return Path(command[0]).name


_BUBBLEWRAP = ("--die-with-parent", "--new-session", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-net")
_UNSHARE = ("--mount", "--pid", "--ipc", "--uts", "--net", "--fork")


@cache
def walls() -> tuple[str, ...]:
    """The program that puts a view together: bubblewrap, or our own in its place where there is none or an old one."""
    found = shutil.which("bwrap", path=PROGRAMS)
    if found is not None:
        known = subprocess.run([found, "--help"], capture_output=True, check=False, env={}).stdout
        if b"--bind-fd" in known:
            return (found, *_BUBBLEWRAP)
    return (system_program("unshare"), *_UNSHARE, *program("enclose"))


def system_view() -> list[str]:
    """The system, read-only: no /etc, /home, /root, /proc, nor any data."""
    arguments = ["--ro-bind", "/usr", "/usr"]
    for place in _SYSTEM:
        if os.path.islink(place):  # noqa: PTH114 - plain names
            arguments += ["--symlink", os.readlink(place), place]  # noqa: PTH115
        elif os.path.isdir(place):  # noqa: PTH112
            arguments += ["--ro-bind", place, place]
    return arguments


def program_view(*, libraries: bool) -> list[str]:
    """Python and this program, read-only, where they do not belong to the system."""
    arguments: list[str] = []
    # In a clone of the sources some rooms lie beside the package, which has links to them.
    rooms = [room.resolve() for room in package().iterdir() if room.is_symlink()]
    others = [*map(Path, _libraries()), *rooms] if libraries else []
    for folder in (Path(sys.base_prefix).resolve(), package(), *others):
        if not folder.is_relative_to("/usr"):
            arguments += [*parents_view(folder), "--ro-bind", str(folder), str(folder)]
    return arguments


def parents_view(folder: Path) -> list[str]:
    """The folders above `folder`, which the account that a hand becomes must be able to pass through."""
    above = [parent for parent in reversed(folder.parents) if parent != Path("/") and not parent.is_relative_to("/usr")]
    return [word for parent in above for word in ("--perms", "0755", "--dir", str(parent))]


def package() -> Path:
    """The folder of this program."""
    return Path(ospi_supervisor.__file__).resolve().parent
