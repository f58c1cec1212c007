"""What a process tells systemd of itself (sd_notify(3)): that it is ready, that it still works, that it ends."""

import os
import socket
from contextlib import suppress

READY, WATCHDOG, STOPPING = "READY=1", "WATCHDOG=1", "STOPPING=1"


def tell_systemd(state: str) -> None:
    """Tell the manager that started this process, where one did and wants to hear.

    It is never waited for, and a manager that does not listen is no reason to do anything else than before.
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as bell:
        bell.setblocking(False)
        bell.sendto(state.encode("ascii"), address)
