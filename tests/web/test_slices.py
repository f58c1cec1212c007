"""A slice arrives straight in memory that is used again, and never while somebody may still look at it."""

import select
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from mmap import mmap

import pytest
from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel

from ospi_supervisor.web.intake import channel_class
from ospi_supervisor.web.slices import KEPT, SLICE_MAX_BYTES, Slice

LONG_AGO = time.time() - 3600


class Tasks:
    """As much of waitress' server as a channel asks for: the requests that are complete."""

    def __init__(self) -> None:
        self.active_channels: dict[int, HTTPChannel] = {}
        self.channels: list[HTTPChannel] = []

    def add_task(self, channel: HTTPChannel) -> None:
        self.channels.append(channel)


@pytest.fixture
def line() -> Iterator[tuple[socket.socket, HTTPChannel, Tasks]]:
    """A client's end of a connection, the server's channel at its other end, and what that has received."""
    client, server = socket.socketpair()
    server.setblocking(False)
    tasks = Tasks()
    channel = channel_class(lambda path, cookies: SLICE_MAX_BYTES)(
        tasks,  # type: ignore[arg-type]
        server,
        ("client", 0),
        Adjustments(),
        map={},
    )
    with closing(client), closing(server):
        yield client, channel, tasks


def receive(channel: HTTPChannel) -> None:
    """Have the channel read as waitress' loop does: as long as there is something to read."""
    assert channel.socket is not None
    while channel.connected and select.select([channel.socket], [], [], 0)[0]:
        channel.handle_read()


def head(length: int, method: str = "PATCH") -> bytes:
    return f"{method} /x HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n".encode()


def arrived(tasks: Tasks, number: int = 0) -> bytes:
    body = tasks.channels[0].requests[number].get_body_stream()
    assert isinstance(body, Slice)
    with body.view() as view:
        return bytes(view)


@pytest.mark.parametrize("pieces", [[b"abcdef"], [b"abcde", b"f"], [b"a", b"bcde", b"f"], [b"", b"abcdef"]])
def test_a_slice_is_whole_however_it_is_cut(
    line: tuple[socket.socket, HTTPChannel, Tasks], pieces: list[bytes]
) -> None:
    client, channel, tasks = line
    client.sendall(head(6) + pieces[0])
    receive(channel)
    for piece in pieces[1:]:
        client.sendall(piece)
        receive(channel)
    assert arrived(tasks) == b"abcdef"


def test_what_follows_a_slice_is_the_next_request(line: tuple[socket.socket, HTTPChannel, Tasks]) -> None:
    client, channel, tasks = line
    client.sendall(head(3))
    receive(channel)
    client.sendall(b"abc" + head(2) + b"de")
    receive(channel)
    assert [arrived(tasks, number) for number in (0, 1)] == [b"abc", b"de"]


def test_a_slow_slice_keeps_its_connection_alive(line: tuple[socket.socket, HTTPChannel, Tasks]) -> None:
    client, channel, _ = line
    client.sendall(head(100))
    receive(channel)
    channel.last_activity = LONG_AGO
    client.sendall(b"x" * 50)
    receive(channel)
    assert channel.last_activity > LONG_AGO


def test_a_client_that_leaves_in_the_middle_ends_its_connection(
    line: tuple[socket.socket, HTTPChannel, Tasks],
) -> None:
    client, channel, tasks = line
    client.sendall(head(100) + b"x")
    receive(channel)
    client.close()
    receive(channel)
    assert not channel.connected
    assert not tasks.channels


def test_another_method_has_waitress_own_buffer(line: tuple[socket.socket, HTTPChannel, Tasks]) -> None:
    client, channel, tasks = line
    client.sendall(head(3, "POST") + b"abc")
    receive(channel)
    assert tasks.channels[0].requests[0].get_body_stream().read() == b"abc"


def test_memory_is_used_again_after_a_slice() -> None:
    free: list[mmap] = []
    first = Slice(free)
    first.append(b"premier")
    with first.view() as view:
        assert bytes(view) == b"premier"
    assert len(free) == KEPT
    second = Slice(free)
    assert not free
    second.append(b"deux")
    assert second.read() == b"deux"
    with pytest.raises(ValueError, match="given to another"), first.view():
        pass


def test_memory_that_an_error_may_still_show_is_not_used_again() -> None:
    free: list[mmap] = []
    body = Slice(free)
    body.append(b"tranche")
    with pytest.raises(OSError, match="full"), body.view():
        raise OSError("full")
    assert not free


def test_no_more_memory_is_kept_than_said() -> None:
    free: list[mmap] = []
    bodies = [Slice(free) for _ in range(KEPT + 2)]
    for body in bodies:
        with body.view():
            pass
    assert len(free) == KEPT


def test_a_slice_is_read_as_any_stream() -> None:
    body = Slice([])
    body.append(b"une ligne\nune autre")
    assert (body.readline(), body.read(4), body.read(), body.read()) == (b"une ligne\n", b"une ", b"autre", b"")
