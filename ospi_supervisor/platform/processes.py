"""Runs programs as the platform's account: their environment, their session, and their end."""

import os
import pwd
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import psutil

from ospi_supervisor.errors import PlatformError

TERM_PATIENCE_SECONDS = 5.0
"""How long a program that is asked to end may take before it is killed."""


def spawn(
    command: Sequence[str | Path],
    *,
    account: str | None,
    cwd: Path,
    output: IO[bytes] | int,
    env: Mapping[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Start `command` in a session of its own, as `account` when we are root. OSError where it cannot start.

    Nothing of the worker is inherited but the four variables of `base_environment`: no lock's descriptor, no
    standard input, no controlling terminal. A daemon that the command leaves survives the worker.
    """
    return subprocess.Popen(
        [str(part) for part in command],
        cwd=cwd,
        env={**base_environment(account), **(env or {})},
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        umask=0o022,
        **_identity(account),
    )


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
    try:
        process.wait(TERM_PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        _signal_group(process.pid, signal.SIGKILL)
        process.wait()
    _signal_group(process.pid, signal.SIGKILL)


def kill_where(ours: Callable[[psutil.Process], bool]) -> int:
    """Kill every process that `ours` recognises, until a look finds none more; how many there were.

    The look is repeated because a process can fork between being seen and being killed. PlatformError where
    they keep coming, or cannot be killed, for a few seconds.
    """
    killed: set[tuple[int, float]] = set()
    deadline = time.monotonic() + TERM_PATIENCE_SECONDS
    while victims := [process for process in psutil.process_iter() if _recognised(process, ours)]:
        if time.monotonic() > deadline:
            raise PlatformError(f"impossible de tuer des processus laissés par la mise à jour : {victims[0].pid}")
        for process in victims:
            try:
                process.kill()
                killed.add((process.pid, process.create_time()))
            except psutil.NoSuchProcess:
                continue  # it ended by itself, which is what was wanted
        time.sleep(0.02)  # and no waiting for them: that would take a child's end from whoever started it
    return len(killed)


def _recognised(process: psutil.Process, ours: Callable[[psutil.Process], bool]) -> bool:
    try:
        return process.pid != os.getpid() and process.status() != psutil.STATUS_ZOMBIE and ours(process)
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False  # gone, or another account's: not one that we started


def _signal_group(group: int, number: signal.Signals) -> None:
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return  # the whole group has ended


def _identity(account: str | None) -> dict[str, Any]:
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
