"""Connections on which a client is awaited: few, none for long, and none in the way of who sends a whole request."""

import select
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest
from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel

from ospi_supervisor.system import connections
from ospi_supervisor.system.connections import (
    AT_ONCE_MAX,
    AWAITED_MAX,
    BODY_SECONDS,
    FIRST_SECONDS,
    HEAD_SECONDS,
    WINDOW_BYTES,
    WINDOW_SECONDS,
)
from ospi_supervisor.web.serving.body_limits import Admission, channel_class

HEAD = b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n"
GET = b"GET /x HTTP/1.1\r\nHost: x\r\n\r\n"
KNOWN, UNKNOWN = b"Cookie: known\r\n\r\n", b"\r\n"


class Server:
    """As much of waitress' server as a channel asks for."""

    def __init__(self) -> None:
        self.active_channels: dict[int, HTTPChannel] = {}

    def add_task(self, channel: HTTPChannel) -> None:
        """Nobody works on it."""


class Line:
    """A client's end of a connection, and the server's channel at its other end."""

    def __init__(self, client: socket.socket, channel: HTTPChannel, house: "House") -> None:
        self.client, self.channel, self.house = client, channel, house

    @property
    def is_open(self) -> bool:
        """Whether the server has not closed it."""
        return bool(self.channel.connected)

    def send(self, data: bytes) -> None:
        """Have the channel read `data`, as waitress' loop does."""
        self.client.sendall(data)
        while self.channel.socket is not None and select.select([self.channel.socket], [], [], 0)[0]:
            self.channel.handle_read()
        self.channel.readable()

    def is_cut_after(self, seconds: float) -> bool:
        """Whether waitress is to close it, that long after the last look."""
        self.house.now += seconds
        self.channel.readable()
        return bool(self.channel.will_close)


class House:
    """A server that more and more connect to."""

    def __init__(self, resources: ExitStack) -> None:
        self.now = 1000.0
        self._server, self._resources = Server(), resources
        self._listener = resources.enter_context(closing(socket.create_server(("127.0.0.1", 0), backlog=1024)))
        self._kind = channel_class(lambda path, cookies: Admission(64 * 1024, cookies == "known"))
        self._kind.clock = staticmethod(lambda: self.now)  # type: ignore[attr-defined]

    def line(self, sent: bytes = b"") -> Line:
        """A new connection, on which `sent` has arrived."""
        self.now += 0.001
        client = self._resources.enter_context(socket.create_connection(self._listener.getsockname()))
        server, address = self._listener.accept()
        self._resources.enter_context(server).setblocking(False)
        line = Line(client, self._kind(self._server, server, address, Adjustments(), map={}), self)  # type: ignore[arg-type]
        line.send(sent)
        return line


@pytest.fixture
def house() -> Iterator[House]:
    with ExitStack() as resources:
        yield House(resources)


@pytest.fixture
def line(house: House) -> Line:
    return house.line()


def test_a_connection_that_brings_no_head_is_cut(line: Line) -> None:
    assert not line.is_cut_after(HEAD_SECONDS - 1)
    assert line.is_cut_after(2)


def test_a_head_that_comes_byte_by_byte_is_cut(line: Line) -> None:
    line.house.now += HEAD_SECONDS - 1  # the head has its own time, from its first byte
    for byte in HEAD[:9]:
        line.send(bytes([byte]))
        line.house.now += HEAD_SECONDS / 10
    assert not line.channel.will_close
    assert line.is_cut_after(HEAD_SECONDS / 5)


def test_an_unknown_body_that_comes_byte_by_byte_is_cut(line: Line) -> None:
    line.send(HEAD + UNKNOWN)
    for _ in range(9):
        line.send(b"x")
        assert not line.is_cut_after(BODY_SECONDS / 10)
    assert line.is_cut_after(BODY_SECONDS / 5)


def test_a_known_body_goes_on_for_as_long_as_it_goes_on(line: Line) -> None:
    line.send(HEAD + KNOWN)
    for _ in range(3):
        line.send(bytes(WINDOW_BYTES))
        assert not line.is_cut_after(WINDOW_SECONDS)
    line.send(b"x")
    assert line.is_cut_after(WINDOW_SECONDS)


def test_a_request_that_is_worked_on_is_nobodys_to_cut(line: Line) -> None:
    line.send(GET)
    assert not line.is_cut_after(10 * HEAD_SECONDS)


def test_a_connection_kept_alive_is_waitress_to_cut(line: Line) -> None:
    line.send(GET)
    line.channel.requests = []
    assert not line.is_cut_after(10 * HEAD_SECONDS)


def test_nobody_goes_in_the_first_moments(house: House) -> None:
    """A proxy on a busy machine connects, and writes when its turn comes: meanwhile others write their heads."""
    lines = [house.line() for _ in range(AWAITED_MAX)]
    page = lines.pop(0)
    for line in lines:
        line.send(HEAD + UNKNOWN)
    house.now += FIRST_SECONDS / 2
    lines += [house.line(HEAD + UNKNOWN) for _ in range(AWAITED_MAX)]
    assert all(line.is_open for line in [page, *lines])


def test_those_awaited_longest_go_for_new_ones(house: House) -> None:
    lines = [house.line(sent) for _ in range(AWAITED_MAX // 2) for sent in (b"", HEAD + UNKNOWN)]
    known = house.line(HEAD + KNOWN)
    house.now += FIRST_SECONDS + 1
    new = [house.line() for _ in range(10)]
    assert [line.is_open for line in lines] == [False] * 10 + [True] * (AWAITED_MAX - 10)
    assert all(line.is_open for line in [known, *new])


def test_in_a_crowd_bodies_go_before_those_who_have_just_come(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    crowd = AWAITED_MAX + 10
    monkeypatch.setattr(connections, "CROWD_MAX", crowd)
    page, *lines = [house.line(sent) for sent in [b""] + [HEAD + UNKNOWN] * crowd]
    assert page.is_open
    assert [line.is_open for line in lines] == [False] + [True] * (crowd - 1)


def test_what_a_proxy_keeps_alive_goes_last(house: House) -> None:
    kept = house.line(GET)
    kept.channel._has_answered = True  # type: ignore[attr-defined]  # as a thread of waitress' has it
    kept.channel.requests = []
    lines = [house.line() for _ in range(AWAITED_MAX)]
    house.now += FIRST_SECONDS + 1
    lines.append(house.line())
    assert kept.is_open
    assert [line.is_open for line in lines[:3]] == [False, False, True]


def test_many_requests_at_once_are_one_too_many(line: Line) -> None:
    """Each would be answered, into memory and files, and then hold a thread until somebody takes it all."""
    line.send(GET * AT_ONCE_MAX)
    assert line.is_open
    line.send(GET)
    assert not line.is_open


@pytest.mark.parametrize("before", [b"", b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 3000\r\n\r\n" + bytes(3000)])
def test_of_many_requests_at_once_few_are_read(line: Line, before: bytes) -> None:
    line.send(before + 1000 * GET)
    assert not line.is_open
    assert len(line.channel.requests) < 100


def test_an_answer_of_which_nothing_goes_is_given_up(line: Line) -> None:
    """Whether it is still being made or not."""
    line.send(GET)
    line.channel.outbufs[-1].append(bytes(1000))
    line.channel.total_outbufs_len = 1000
    assert not line.is_cut_after(WINDOW_SECONDS - 1)
    line.house.now += 2
    assert not line.channel.readable()
    assert not line.is_open


def test_an_answer_that_goes_on_has_all_its_time(line: Line) -> None:
    line.channel.outbufs[-1].append(bytes(10 * WINDOW_BYTES))
    line.channel.total_outbufs_len = 10 * WINDOW_BYTES
    for _ in range(5):
        line.channel.send(bytes(WINDOW_BYTES))
        line.client.recv(WINDOW_BYTES)
        assert not line.is_cut_after(WINDOW_SECONDS + 1)
        assert line.is_open


def test_signed_in_browsers_never_go_for_others_but_for_each_other(house: House) -> None:
    known = [house.line(HEAD + KNOWN) for _ in range(AWAITED_MAX)]
    others = [house.line() for _ in range(AWAITED_MAX)]
    house.now += FIRST_SECONDS + 1
    others.append(house.line())
    assert [line.is_open for line in others[:2]] == [False, True]
    assert all(line.is_open for line in known)
    known.append(house.line(HEAD + KNOWN))  # told by its head: it goes with the next
    house.line()
    assert [line.is_open for line in known[:2]] == [False, True]
