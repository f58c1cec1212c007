"""A slice arrives straight in memory that is used again, and never while somebody may still look at it."""

import select
import socket
import struct
import time
import weakref
from collections.abc import Iterator
from contextlib import closing
from mmap import mmap

import pytest
from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel

from ospi_supervisor.domain.limits import SLICE_MAX_BYTES
from ospi_supervisor.web.serving.body_limits import Admission, channel_class
from ospi_supervisor.web.serving.slices import KEPT, Slice, SliceReceiver

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
    tasks = Tasks()
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        client = socket.create_connection(listener.getsockname())
        server, address = listener.accept()
    server.setblocking(False)
    limited = channel_class(lambda path, cookies: Admission(SLICE_MAX_BYTES if path == "/x" else 1024, True))
    channel = limited(tasks, server, address, Adjustments(), map={})  # type: ignore[arg-type]
    with closing(client), closing(server):
        yield client, channel, tasks


def receive(channel: HTTPChannel) -> None:
    """Have the channel read as waitress' loop does: as long as there is something to read."""
    assert channel.socket is not None
    while channel.connected and select.select([channel.socket], [], [], 0)[0]:
        channel.handle_read()


def head(length: int, method: str = "PATCH", path: str = "/x", more: str = "") -> bytes:
    return f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n{more}\r\n".encode()


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


def test_all_but_the_last_byte_comes_without_a_copy(
    line: tuple[socket.socket, HTTPChannel, Tasks], monkeypatch: pytest.MonkeyPatch
) -> None:
    client, channel, tasks = line
    client.sendall(head(60_000))
    receive(channel)
    copied: list[bytes] = []
    recv = channel.recv

    def note(size: int) -> bytes:
        copied.append(recv(size))
        return copied[-1]

    monkeypatch.setattr(channel, "recv", note)
    client.sendall(b"x" * 60_000)
    receive(channel)
    assert copied == [b"x"]
    assert arrived(tasks) == b"x" * 60_000


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


@pytest.mark.parametrize("linger", [(0, 0), (1, 0)])  # the other end says goodbye, or cuts the line
def test_a_client_that_leaves_in_the_middle_ends_its_connection(
    line: tuple[socket.socket, HTTPChannel, Tasks], linger: tuple[int, int]
) -> None:
    client, channel, tasks = line
    client.sendall(head(100) + b"x")
    receive(channel)
    receiver = getattr(channel.request, "body_rcv", None)
    assert isinstance(receiver, SliceReceiver)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", *linger))
    client.close()
    receive(channel)
    assert not channel.connected
    assert not tasks.channels
    assert receiver.getfile().closed
    with pytest.raises(ValueError, match="closed"):
        receiver.receive_from(client)


@pytest.mark.parametrize(("method", "path"), [("POST", "/x"), ("PATCH", "/y")])
def test_any_other_body_lies_in_waitress_own_buffer(
    line: tuple[socket.socket, HTTPChannel, Tasks], method: str, path: str
) -> None:
    client, channel, tasks = line
    client.sendall(head(3, method, path) + b"abc")
    receive(channel)
    body = tasks.channels[0].requests[0].get_body_stream()
    assert not isinstance(body, Slice)
    assert body.read() == b"abc"


def test_a_slice_that_comes_as_a_post_arrives_as_any_slice(
    line: tuple[socket.socket, HTTPChannel, Tasks],
) -> None:
    client, channel, tasks = line
    client.sendall(head(3, "POST", more="X-HTTP-Method-Override: PATCH\r\n") + b"abc")
    receive(channel)
    assert arrived(tasks) == b"abc"


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
    with pytest.raises(ValueError, match="closed"), first.view():
        pass
    with pytest.raises(ValueError, match="closed"):
        first.read()


def test_memory_that_an_error_may_still_show_is_not_used_again() -> None:
    free: list[mmap] = []
    body = Slice(free)
    body.append(b"tranche")
    with pytest.raises(OSError, match="full"), body.view():
        raise OSError("full")
    assert not free


def test_a_closed_slice_lets_its_memory_go_though_an_error_keeps_the_slice() -> None:
    body = Slice([])
    memory = weakref.ref(body._open())
    body.close()
    assert memory() is None
    body.append(b"of a connection that is gone")
    assert len(body) == 0


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
