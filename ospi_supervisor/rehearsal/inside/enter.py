"""Becomes a twin: namespaces of its own, the real folders under layers that are thrown away, then bubblewrap.

Argument: the file of the plan (`twin.Plan`), in the twin's folder, which becomes the working folder.
"""

import ctypes
import json
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from ospi_supervisor.hands.descent import open_folder
from ospi_supervisor.system.mounts import mount_points

_NEW_MOUNTS, _NEW_USERS = 0x20000, 0x10000000
_REC, _PRIVATE, _NO_SUID, _NO_DEVICE = 16384, 1 << 18, 2, 4
_DETACH, _PDEATHSIG = 2, 1
_libc = ctypes.CDLL(None, use_errno=True)


def main() -> None:
    """Put the layers in place and become the twin. OSError, whose words are the last on standard error."""
    file = Path(sys.argv[1])
    plan = json.loads(file.read_bytes())
    os.chdir(file.parent)
    try:
        _apart(is_root=plan["is_root"])
    except OSError as error:
        whom = "root" if plan["is_root"] else "un compte ordinaire"
        sys.exit(f"ce système ne permet pas d'espaces de noms à {whom} ({error.strerror})")
    try:
        _let_go([*map(Path, plan["sources"]), file.parent])
        for layer in plan["layers"]:
            _lay(layer, is_root=plan["is_root"])
    except OSError as error:
        sys.exit(f"{error.strerror} ({error.filename})")
    _libc.prctl(_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != plan["parent"]:
        sys.exit("le service de mise à jour s'est arrêté")
    os.execv(plan["command"][0], plan["command"])  # noqa: S606 - what this program was started for


def _apart(*, is_root: bool) -> None:
    """A mount namespace of our own; who is not root is root in a user namespace of its own first."""
    user, group = os.getuid(), os.getgid()
    _checked(_libc.unshare(_NEW_MOUNTS | (0 if is_root else _NEW_USERS)), "espaces de noms")
    if not is_root:
        Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
        Path("/proc/self/uid_map").write_text(f"0 {user} 1", encoding="ascii")
        Path("/proc/self/gid_map").write_text(f"0 {group} 1", encoding="ascii")
    _mount(None, "/", None, _REC | _PRIVATE, None)


def _let_go(needed: list[Path]) -> None:
    """Of the machine's file systems, keep those that the twin sees: others may be unmounted while it stands."""
    for place in sorted(mount_points(), key=lambda place: len(place.parts), reverse=True):
        kept = any(source.is_relative_to(place) or place.is_relative_to(source) for source in needed)
        if not kept:
            _libc.umount2(os.fsencode(place), _DETACH)  # in a user namespace none can be: it stays


def _lay(layer: dict[str, Any], *, is_root: bool) -> None:
    """One real folder, seen through a layer that takes what is written; what `hide` names is not seen."""
    lower = open_folder(Path(layer["lower"])) if is_root else os.open(layer["lower"], os.O_PATH | os.O_DIRECTORY)
    options = f"lowerdir=/proc/self/fd/{lower},upperdir={layer['upper']},workdir={layer['work']}"
    _mount("overlay", layer["at"], "overlay", _NO_SUID | _NO_DEVICE, options if is_root else f"{options},userxattr")
    os.close(lower)
    for name in layer["hide"]:
        with suppress(FileNotFoundError, NotADirectoryError):
            (Path(layer["at"]) / name).unlink()


def _mount(source: str | None, place: str, kind: str | None, flags: int, options: str | None) -> None:
    words = [None if text is None else os.fsencode(text) for text in (source, place, kind, options)]
    _checked(_libc.mount(words[0], words[1], words[2], ctypes.c_ulong(flags), words[3]), place)


def _checked(status: int, place: str) -> None:
    if status != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), place)
