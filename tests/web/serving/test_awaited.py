"""The real web process: a page comes however many only seem to send, and a signed-in browser's upload stays."""

import socket
from contextlib import ExitStack, suppress

import pytest
import requests

from ospi_supervisor.system.connections import CROWD_MAX
from tests.support.web_process import WebProcess

HEAD = b"POST /superviseur/ HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n"
PAGE = b"GET /superviseur/connexion HTTP/1.1\r\nHost: x\r\n\r\n"


def is_closed(connection: socket.socket) -> bool:
    connection.settimeout(20)
    with suppress(ConnectionResetError):
        while connection.recv(65536):
            continue
    return True


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"", marks=pytest.mark.full),
        pytest.param(b"POST /superviseur/connexion HT", marks=pytest.mark.full),
        HEAD,
        pytest.param(1500 * PAGE, id="many at once"),
    ],
)
def test_a_page_comes_however_many_seem_to_send(web: WebProcess, sent: bytes) -> None:
    session = web.session()
    cookie = "; ".join(f"{name}={value}" for name, value in session.cookies.items())
    known = f"PATCH /superviseur/mises-a-jour/televersements/x/y HTTP/1.1\r\nHost: x\r\nCookie: {cookie}\r\n"
    with ExitStack() as lines:
        upload = lines.enter_context(socket.create_connection(("127.0.0.1", web.port)))
        upload.sendall(known.encode() + b"Content-Length: 300000\r\n\r\n" + bytes(1000))
        slow = []
        for _ in range(CROWD_MAX + 20):
            slow.append(lines.enter_context(socket.create_connection(("127.0.0.1", web.port))))
            slow[-1].sendall(sent)
        for _ in range(3):
            assert requests.get(f"{web.url}/connexion", timeout=20).status_code == 200
        assert session.get(f"{web.url}/api/status", timeout=20).status_code == 200
        assert is_closed(slow[0]), "the one awaited longest has gone"
        upload.sendall(bytes(299_000))
        assert upload.recv(12) == b"HTTP/1.1 404", "a signed-in browser's body has stayed"
