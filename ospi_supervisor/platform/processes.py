"""Runs programs as the platform's account: their environment, their session, and their end."""

import os
import pwd
import re
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import IO, TypedDict

import psutil

from ospi_supervisor.errors import PlatformError
from ospi_supervisor.system.exits import watched

TERM_PATIENCE_SECONDS = 5.0
"""How long a program that is asked to end may take before it is killed."""

KILL_PATIENCE_SECONDS = 5.0
"""How long killing may take: longer, and something is wrong with the machine."""

MARKED_LIMIT = resource.RLIMIT_RTTIME
"""Where a mark is carried: a limit that means nothing to programs of ordinary priority. Whatever a program starts has
it too, in any session and with any environment, and only root could raise it (docs/adr/0006)."""

_MARK = re.compile(rb"^Max realtime timeout +\S+ +(\S+)", re.MULTILINE)


def spawn(
    command: Sequence[str | Path],
    *,
    account: str | None,
    cwd: Path,
    output: IO[bytes] | int,
    env: Mapping[str, str] | None = None,
    mark: int | None = None,
    given: int = subprocess.DEVNULL,
    preparation: Callable[[], None] | None = None,
) -> subprocess.Popen[bytes]:
    """Start `command` in a session of its own, as `account` when we are root. OSError where it cannot start.

    Nothing of the worker is inherited but the four variables of `base_environment`: no lock's descriptor, no
    standard input, no controlling terminal. A daemon that the command leaves survives the worker; `kill_marked` finds
    those of a command started with a `mark`. Its standard input is empty unless something is `given`; `preparation` is
    done in the child, instead of the mark.
    """
    marking = None if mark is None else partial(resource.setrlimit, MARKED_LIMIT, (mark, mark))
    return subprocess.Popen(
        [str(part) for part in command],
        cwd=cwd,
        env={**base_environment(account), **(env or {})},
        stdin=given,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        umask=0o022,
        preexec_fn=preparation or marking,
        **_identity(account),
    )


def may_use(account: str | None, path: Path) -> bool:
    """Whether that account may enter, or run, what lies at `path`: asked of the system itself, as that account.

    True where that cannot be asked: nothing is known then.
    """
    try:
        process = spawn(["test", "-x", path], account=account, cwd=Path("/"), output=subprocess.DEVNULL)
    except (OSError, PlatformError):
        return True
    return process.wait() == 0


def may_run(account: str | None, program: str) -> bool:
    """Whether that account would find `program`, a name or a path from the root, and may run it."""
    found = shutil.which(os.path.join("/", program) if "/" in program else program)  # noqa: PTH118 - which takes a str
    return found is not None and may_use(account, Path(found))


def base_environment(account: str | None) -> dict[str, str]:
    """What every program needs to know, and no secret of the worker's."""
    entry = _entry(account)
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "LANG": os.environ.get("LANG", "C.UTF-8"),
        "HOME": entry.pw_dir,
        "USER": entry.pw_name,
    }


def end_group(process: subprocess.Popen[bytes]) -> None:
    """End a process and its whole group: asked first, then killed. Its leader is reaped when this returns."""
    _signal_group(process.pid, signal.SIGTERM)
    with watched(process) as watch:
        if not watch.has_ended(TERM_PATIENCE_SECONDS):
            _signal_group(process.pid, signal.SIGKILL)
            process.wait()
    _signal_group(process.pid, signal.SIGKILL)


def kill_marked(mark: int) -> int:
    """Kill every process that bears `mark`; how many there were. PlatformError where they keep coming, or cannot be
    killed, for a few seconds.

    They are all stopped first: what is stopped starts no other, neither when its child dies nor when there is room
    for one more.
    """
    caught = _stop_marked(mark)
    deadline = time.monotonic() + KILL_PATIENCE_SECONDS
    while alive := [pid for pid in caught if _bears(pid, mark)]:
        if time.monotonic() > deadline:
            raise _unkillable(alive[0])
        for pid in alive:
            _signal(pid, signal.SIGKILL)
        time.sleep(0.02)  # and no waiting for them: that would take a child's end from whoever started it
    return len(caught)


def _stop_marked(mark: int) -> set[int]:
    """Stop every process that bears `mark`; their numbers. PlatformError where no look proves that there is no other.

    A look proves it where it found none, and none that was there ended before its turn: that one may have started
    another. The newest come first, and those that do not bear the mark are not looked at twice: they cannot get it.
    """
    caught: set[int] = set()
    others: set[int] = set()
    ended: set[int] = set()
    deadline = time.monotonic() + KILL_PATIENCE_SECONDS
    while time.monotonic() < deadline:
        listed = sorted(psutil.pids(), reverse=True)
        verdicts = {pid: _stop_if_marked(pid, mark) for pid in listed if pid not in caught and pid not in others}
        ended_before, ended = ended, {pid for pid, marked in verdicts.items() if marked is None}
        found = {pid for pid, marked in verdicts.items() if marked}
        if not found and ended <= ended_before:  # those that stay ended are those that nobody waits for
            return caught
        caught |= found
        others = (others & set(listed)) | (verdicts.keys() - found - ended)
    raise PlatformError("impossible de tuer des processus laissés par la mise à jour : il en vient sans cesse d'autres")


def _stop_if_marked(pid: int, mark: int) -> bool | None:
    marked = _bears(pid, mark)
    if marked:
        _signal(pid, signal.SIGSTOP)
    return marked


def _bears(pid: int, mark: int) -> bool | None:
    """Whether the process bears `mark`; None where it has ended.

    One that ended without it, and that nobody has waited for yet, still tells that it bore none: on a busy machine
    there are always some.
    """
    try:
        limits = _MARK.search(Path(f"/proc/{pid}/limits").read_bytes())
        if limits is not None and limits[1] != str(mark).encode():
            return False
        status = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b") ")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    except PermissionError:
        return False  # another account's: not one that we started
    return None if limits is None or _has_ended(status) else True


def _has_ended(status: list[bytes]) -> bool:
    """By what follows the name in /proc/PID/stat: a process whose first thread has ended works on in the others."""
    state, threads = status[0], int(status[17])
    return state == b"X" or (state == b"Z" and threads <= 1)


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return  # it ended by itself, which is what was wanted
    except PermissionError as error:  # it became another account's
        raise _unkillable(pid) from error


def _unkillable(pid: int) -> PlatformError:
    return PlatformError(f"impossible de tuer des processus laissés par la mise à jour : {pid}")


def _signal_group(group: int, number: signal.Signals) -> None:
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return  # the whole group has ended


class _Identity(TypedDict, total=False):
    user: int
    group: int
    extra_groups: list[int]


def _identity(account: str | None) -> _Identity:
    """The arguments of Popen that change the account: only root can, and only root needs to."""
    if os.geteuid() != 0 or account is None:
        return {}
    entry = _entry(account)
    groups = os.getgrouplist(entry.pw_name, entry.pw_gid)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": groups}


def _entry(account: str | None) -> pwd.struct_passwd:
    """The account's line, or our own where none is named; PlatformError for an unknown one."""
    try:
        return pwd.getpwuid(os.geteuid()) if account is None else pwd.getpwnam(account)
    except KeyError as error:
        raise PlatformError(f"le compte « {account} » n'existe pas ; créez-le ou corrigez platform.account") from error
