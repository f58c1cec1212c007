"""How hands end: with all that they started, also where bubblewrap was only just starting it.

bubblewrap's second process asks to die with the first one only once the first has told it to go on. Where the first is
killed before, the second waits for ever, and keeps the folders that it was given.
"""

import os
import signal
import subprocess
from contextlib import suppress

import psutil

from ospi_supervisor.hands.sandbox import package

FIRST = 1
MANAGER = "systemd"
PROGRAM = "bwrap"


def end(process: subprocess.Popen[bytes]) -> None:
    """Kill `process` and what it has started, and wait for it.

    It is stopped first: what it has started by then is all that there is.
    """
    if process.poll() is None:
        os.kill(process.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        with suppress(psutil.NoSuchProcess):
            for child in psutil.Process(process.pid).children():
                child.kill()
        process.kill()
    process.wait()


def sweep() -> None:
    """Kill what hands of a killed worker left waiting; those of a living one have a parent."""
    for process in psutil.process_iter():
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            if process.name() == PROGRAM and _is_left(process):
                process.kill()


def _is_left(process: psutil.Process) -> bool:
    if str(package()) not in process.cmdline():
        return False
    parent = process.parent()
    return parent is None or parent.pid == FIRST or parent.name() == MANAGER
