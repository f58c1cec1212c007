"""Who may hold a connection while something is awaited on it: whoever sends slowly must cost nobody else a page.

Counting by address would not do: behind a proxy, or a hospital's way out, an attacker and an administrator share one.
So connections on which nothing is being worked on are few, and where one more comes, those that have been awaited
longest go: what sends a whole request at once is answered, however many others only seem to. On a busy machine « at
once » takes a proxy a second: nobody goes in the first moments, unless there is a crowd. What a signed-in browser
sends never goes for somebody unknown; it only has to go on. So has whoever takes an answer.
"""

import resource
import time
from typing import TYPE_CHECKING, Any

from waitress.channel import HTTPChannel
from waitress.server import BaseWSGIServer

AWAITED_MAX = 128
"""How many connections of nobody known may stand without a request being worked on, their first moments aside; and how
many of signed-in browsers."""

CROWD_MAX = 512
"""How many may stand so with those, and with those that take an answer."""

CONNECTIONS_MAX = 2 * CROWD_MAX + 128
"""How many a server has to be able to hold, those that are worked on among them."""

AT_ONCE_MAX = 4
"""How many requests may wait on one connection. Browsers and proxies send one after the other's answer."""

PIECE_BYTES = 2048
"""How much of heads is read before that is looked at: reading one costs far more than sending it."""

FIRST_SECONDS = 3.0
"""How long a new connection's head, and then its body, is awaited before it may have to go for another."""

HEAD_SECONDS = 20.0
"""How long a request's head may take, and a new connection to bring one."""

BODY_SECONDS = 30.0
"""How long the body of somebody unknown may take: a form's few hundred bytes."""

OPEN_FILES = 4096
"""How many files a server wants to be able to open: systemd gives 1024, and each connection is one."""

WINDOW_SECONDS, WINDOW_BYTES = 30.0, 16 * 1024
"""The least that a signed-in browser's body brings in each window, and that anybody takes of an answer: no line that a
person waits at is slower."""

if TYPE_CHECKING:
    _Channel = HTTPChannel
else:
    _Channel = object


class TimedChannel(_Channel):
    """To be mixed into waitress' channel, whose parser has `is_known`. Everything here runs in waitress' own thread."""

    clock = staticmethod(time.monotonic)

    is_known = False
    """Whether the last request whose head was read came from a signed-in browser."""

    since = 0.0
    """When what is awaited began to be (`time.monotonic`)."""

    _stage: tuple[object, bool] = (False, False)
    _window = (0.0, 0)
    _taking = (0.0, 0)
    _sent = 0
    _has_answered = False

    def __init__(self, server: Any, sock: Any, addr: Any, adj: Any, map: Any = None) -> None:  # noqa: A002 - waitress' own
        super().__init__(server, sock, addr, adj, map)
        self.since = self.clock()
        _make_room(server, self.since)

    @property
    def is_taking(self) -> bool:
        """Whether the client takes an answer."""
        return bool(self.total_outbufs_len) and time.time() - self.last_activity < HEAD_SECONDS

    @property
    def is_awaited(self) -> bool:
        """Whether it is the client's turn: to send a request, or to take an answer of which nothing goes any more."""
        return not self.requests and not self.is_taking

    @property
    def has_begun(self) -> bool:
        """Whether a request has arrived in part, or none ever has."""
        return self.request is not None or not self._has_answered

    @property
    def has_body_to_come(self) -> bool:
        """Whether a head has arrived, and its body has not."""
        return self.request is not None and bool(self.request.headers_finished)

    def readable(self) -> bool:
        """waitress' answer; asked at least each second, it is where time is looked at."""
        now = self.clock()
        self._look(now)
        if self._is_stuck(now):
            self.handle_close()  # waitress would wait until it can send
            return False
        if self.is_awaited and not self.total_outbufs_len and self._is_late(now):
            self.will_close = True
        return bool(super().readable())

    def received(self, data: bytes) -> bool:
        """Take what has arrived; one who asks for many things at once, and takes none of them, would hold a thread."""
        rest, is_taken = memoryview(data), False
        while rest and len(self.requests) <= AT_ONCE_MAX:
            size = max(PIECE_BYTES, self._left_of_body())
            is_taken = bool(super().received(bytes(rest[:size])))
            rest = rest[size:]
        if len(self.requests) > AT_ONCE_MAX:
            self.handle_close()
        return is_taken

    def send(self, data: bytes, do_close: bool = True) -> int:
        """Send what can be sent; how many bytes went."""
        count = int(super().send(data, do_close))
        self._sent += count
        return count

    def service(self) -> None:
        """Have one request answered, in a thread of waitress': between two looks, maybe."""
        self._has_answered = True
        self.is_known = getattr(self.requests[0], "is_known", False)
        super().service()
        self.since = self.clock()

    def _look(self, now: float) -> None:
        """Note where the connection stands, and since when."""
        request = self.request
        if self.has_body_to_come:
            self.is_known = getattr(request, "is_known", False)
        stage = (request or bool(self.requests), self.has_body_to_come)
        if stage != self._stage:
            self._stage, self.since = stage, now
            self._window = (now, self._received())

    def _is_stuck(self, now: float) -> bool:
        """Whether too little goes of an answer that waits, whoever is asked for it."""
        began, before = self._taking
        if not self.total_outbufs_len or self._sent - before >= WINDOW_BYTES:
            self._taking = (now, self._sent)
            return False
        return now - began > WINDOW_SECONDS

    def _is_late(self, now: float) -> bool:
        if not self.has_begun:
            return False  # kept alive: waitress' own time-out
        if not self.has_body_to_come:
            return now - self.since > HEAD_SECONDS
        if not self.is_known:
            return now - self.since > BODY_SECONDS
        began, before = self._window
        if now - began < WINDOW_SECONDS:
            return False
        self._window = (now, self._received())
        return self._received() - before < WINDOW_BYTES

    def _left_of_body(self) -> int:
        """How many bytes of the body are known to come."""
        return int(getattr(self.request.body_rcv, "remain", 0)) if self.request is not None else 0

    def _received(self) -> int:
        """How much of the body has arrived; its chunks' own bytes are not counted."""
        receiver = None if self.request is None else self.request.body_rcv
        if receiver is None:
            return 0
        left = getattr(receiver, "remain", None)
        return len(receiver) if left is None else -left


def have_channels(dispatchers: dict[int, Any], kind: type[HTTPChannel]) -> None:
    """Have the servers among waitress' `dispatchers` make their channels of that kind, and files enough for them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < OPEN_FILES:
        wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    for dispatcher in dispatchers.values():
        if isinstance(dispatcher, BaseWSGIServer):
            dispatcher.channel_class = kind


def _make_room(server: Any, now: float) -> None:
    """Close connections where there are too many of nobody known, or of signed-in browsers."""
    waiting = [channel for channel in server.active_channels.values() if not channel.requests]
    for is_known in (False, True):
        _thin_out([channel for channel in waiting if channel.is_known is is_known], now)


def _thin_out(waiting: list[Any], now: float) -> None:
    """Close those that have been awaited longest."""
    # What was kept alive by a proxy goes last: a request may be on its way there.
    awaited = sorted((one for one in waiting if one.is_awaited), key=lambda one: (not one.has_begun, one.since))
    excess = max(0, len(awaited) - AWAITED_MAX)
    late = [one for one in awaited[:excess] if now - one.since > FIRST_SECONDS]
    if len(waiting) - len(late) > CROWD_MAX:  # who only seems to send a body goes before who has just come
        left = set(waiting) - set(late)
        late.append(min(left, key=lambda one: (not one.has_begun, one.is_taking, not one.has_body_to_come, one.since)))
    for channel in late:
        channel.handle_close()
