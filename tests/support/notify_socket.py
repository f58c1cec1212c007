"""A stand-in for systemd's end of sd_notify: the socket that a unit of `Type=notify` is given."""

import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.system import wait_until


class NotifySocket:
    """What was told so far."""

    def __init__(self, bell: socket.socket, address: str) -> None:
        self._bell = bell
        self.address = address
        self.told: list[str] = []

    def hear(self) -> list[str]:
        """All that was told until now, in its order."""
        while True:
            try:
                self.told.append(self._bell.recv(4096).decode("ascii"))
            except BlockingIOError:
                return self.told

    def wait_for(self, state: str, times: int = 1) -> None:
        """Return once that was told so often."""
        wait_until(lambda: self.hear().count(state) >= times, f"{state} ({self.told})")


@contextmanager
def notify_socket() -> Iterator[NotifySocket]:
    """A socket that listens while the block runs; its address is short, as those of the kernel have to be."""
    with (
        tempfile.TemporaryDirectory(prefix="ospi-n-") as folder,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bell,
    ):
        address = Path(folder) / "notify"
        bell.bind(str(address))
        bell.setblocking(False)
        yield NotifySocket(bell, str(address))
