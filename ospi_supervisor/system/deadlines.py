"""The limits of patience, and what keeps them: a time-out between two bytes alone lets a server hold us for days."""

import math
import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass

from urllib3.connection import HTTPConnection, HTTPSConnection


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Seconds to connect and between two bytes; the least bytes a second, measured over `window` seconds."""

    connect: float = 15.0
    silence: float = 30.0
    window: float = 30.0
    rate: float = 1024.0


class Watch:
    """Cuts connections that bring less than the limits ask, or go on past a deadline (of `time.monotonic`).

    It cuts in whatever part of an exchange: TLS, headers, body, chunk sizes, trailers. Whoever reads a body adds
    what it received to `received`.
    """

    def __init__(self, limits: Limits, deadline: float | None) -> None:
        self.received = 0
        self.has_cut = False
        self._limits, self._deadline = limits, deadline
        self._sockets: list[socket.socket] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def guard(self, sock: socket.socket) -> None:
        """Watch `sock` too. A duplicate is kept: TLS takes the original's descriptor over."""
        self._sockets.append(sock.dup())
        if self.has_cut:  # the name alone took all the time that there was
            self._cut()

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        for sock in self._sockets:
            sock.close()

    def _run(self) -> None:
        before = 0
        least = self._limits.rate * self._limits.window
        while not self._ended.wait(min(self._limits.window, self._left())):
            if self._left() <= 0 or self.received - before < least:
                self._cut()
                return
            before = self.received

    def _left(self) -> float:
        return math.inf if self._deadline is None else max(0.0, self._deadline - time.monotonic())

    def _cut(self) -> None:
        self.has_cut = True
        for sock in self._sockets:
            with suppress(OSError):  # the peer may have gone already
                sock.shutdown(socket.SHUT_RDWR)


class _Watched:
    """A connection whose socket is under watch from its first byte."""

    watch: Watch

    def _new_conn(self) -> socket.socket:
        sock: socket.socket = super()._new_conn()  # type: ignore[misc]
        self.watch.guard(sock)
        return sock


class WatchedHTTP(_Watched, HTTPConnection):
    """A connection without TLS, whose `watch` is to be given before it is used."""


class WatchedHTTPS(_Watched, HTTPSConnection):
    """The same with TLS."""
