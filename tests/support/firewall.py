"""A firewall between a browser and the supervisor, which forgets connections or cuts them."""

import select
import socket
import threading
from collections.abc import Callable
from contextlib import suppress


class Firewall:
    """Passes connections on to `behind`; once it has forgotten them, those that it knew carry nothing more, and nobody
    is told. New ones pass."""

    def __init__(self, behind: int) -> None:
        self._behind = behind
        self._forgotten: set[int] = set()
        self._known: set[int] = set()
        self._sent = 0
        self._at: tuple[int, Callable[[], None]] | None = None
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def forget(self) -> None:
        self._forgotten |= self._known

    def cut_after(self, sent: int, then: Callable[[], None]) -> None:
        """Once clients have sent so many bytes more, cut the connection that carries them, and do `then`."""
        self._sent, self._at = 0, (sent, then)

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        number = 0
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:  # closed: the test is over
                return
            number += 1
            self._known.add(number)
            threading.Thread(target=self._carry, args=(number, client), daemon=True).start()

    def _carry(self, number: int, client: socket.socket) -> None:
        """Until one side closes; a side that cuts, or is no more, ends the connection as a close does."""
        with suppress(OSError), client, socket.create_connection(("127.0.0.1", self._behind)) as server:
            other = {client: server, server: client}
            while True:
                for side in select.select(list(other), [], [], 60)[0]:
                    data = side.recv(65536)
                    if not data:
                        return
                    if number in self._forgotten:
                        continue
                    if side is client and self._is_cut(len(data)):
                        return
                    other[side].sendall(data)

    def _is_cut(self, sent: int) -> bool:
        self._sent += sent
        if self._at is None or self._sent < self._at[0]:
            return False
        (_, then), self._at = self._at, None
        then()
        return True
