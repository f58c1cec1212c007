"""A hand's view where bubblewrap is missing, or too old to be given folders by descriptor (CentOS 7).

Run by util-linux's `unshare`, in namespaces of its own. Arguments: those of bubblewrap that `sandbox` uses, `--`, and
the command that takes this process' place.
"""

import ctypes
import errno
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

BASE = "/mnt"
"""Where the new root is put together, out of sight of all others."""
_BIND, _REC, _PRIVATE, _REMOUNT, _READ_ONLY, _NO_SUID, _NO_DEVICE = 4096, 16384, 1 << 18, 32, 1, 2, 4
_DETACH = 2
_PDEATHSIG, _NO_NEW_PRIVILEGES, _DROP = 1, 38, 24
LAST_CAPABILITY = 40
CAPABILITIES = {"CHOWN": 0, "DAC_OVERRIDE": 1, "DAC_READ_SEARCH": 2, "FOWNER": 3, "FSETID": 4}
CAPABILITIES |= {"SETGID": 6, "SETUID": 7, "SYS_ADMIN": 21, "MKNOD": 27, "SETFCAP": 31}
_libc = ctypes.CDLL(None, use_errno=True)


def main() -> None:
    """Put the view together, enter it for good, and become the command."""
    end = sys.argv.index("--")
    words, command = sys.argv[1:end], sys.argv[end + 1 :]
    _libc.prctl(_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    _mount(None, "/", _REC | _PRIVATE)
    _mount("tmpfs", BASE, _NO_SUID | _NO_DEVICE, kind="tmpfs", options="mode=755")
    kept = {CAPABILITIES[name] for name in _put_together(iter(words))}
    _mount(None, BASE, _REMOUNT | _READ_ONLY | _NO_SUID | _NO_DEVICE)
    os.chdir(BASE)
    _checked(_libc.pivot_root(b".", b"."), BASE)
    _checked(_libc.umount2(b".", _DETACH), BASE)
    os.chdir("/")
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    for capability in range(LAST_CAPABILITY + 1):
        if capability not in kept:
            _libc.prctl(_DROP, capability, 0, 0, 0)  # one that this kernel does not know cannot be had either
    _libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    os.execvpe(command[0], command, {})  # noqa: S606 - what this program was started for


def _put_together(words: Iterator[str]) -> Iterator[str]:
    """Do what each argument says; the capabilities to keep, by their names."""
    for word in words:
        if word == "--cap-add":
            yield next(words).removeprefix("CAP_")
        elif word == "--ro-bind":
            _bind(next(words), next(words), _READ_ONLY)
        elif word == "--bind-fd":
            _bind_descriptor(int(next(words)), next(words))
        elif word == "--symlink":
            target, place = next(words), next(words)
            Path(f"{BASE}{place}").symlink_to(target)
        elif word == "--dir":
            Path(f"{BASE}{next(words)}").mkdir(exist_ok=True)
        elif word in ("--perms", "--cap-drop", "--remount-ro"):
            next(words)  # as it is anyway


def _bind_descriptor(descriptor: int, place: str) -> None:
    """A descriptor of another mount namespace cannot be mounted itself: its path is, and held against it."""
    _bind(str(Path(f"/proc/self/fd/{descriptor}").readlink()), place, 0)
    if not os.path.samestat(os.fstat(descriptor), Path(f"{BASE}{place}").lstat()):
        raise OSError(errno.ESTALE, os.strerror(errno.ESTALE), place)


def _bind(source: str, place: str, flags: int) -> None:
    target = Path(f"{BASE}{place}")
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.mkdir() if Path(source).is_dir() else target.touch()
    _mount(source, str(target), _BIND | _REC)
    _mount(None, str(target), _BIND | _REMOUNT | _NO_SUID | _NO_DEVICE | flags)


def _mount(source: str | None, place: str, flags: int, kind: str | None = None, options: str | None = None) -> None:
    encoded = [None if text is None else os.fsencode(text) for text in (source, place, kind, options)]
    _checked(_libc.mount(encoded[0], encoded[1], encoded[2], ctypes.c_ulong(flags), encoded[3]), place)


def _checked(status: int, place: str) -> None:
    if status != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), place)
