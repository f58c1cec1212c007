"""However many send slowly without an account, through whatever proxy and from whatever address, a page comes."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
import requests

from ospi_supervisor.domain.proxies import KINDS, Kind
from ospi_supervisor.platform.proxies import HEAD_SECONDS
from tests.platform.conftest import reply
from tests.platform.proxied import Site, running_site, supervisor_behind
from tests.support.site import Archives
from tests.support.system import wait_until
from tests.support.web_process import WebProcess

pytestmark = pytest.mark.system

SENDERS = 300
FORM = b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 10000\r\n\r\na"


@pytest.fixture(params=KINDS)
def server(request: pytest.FixtureRequest) -> Iterator[Site]:
    with running_site(request.param) as site:
        yield site


@pytest.fixture
def web(server: Site, tmp_path: Path, platform: str, archives: Archives) -> Iterator[WebProcess]:
    with supervisor_behind(server, tmp_path, platform, archives) as web:
        yield web


@pytest.mark.parametrize(
    "path",
    ["connexion", pytest.param("mises-a-jour/televersements/x", marks=pytest.mark.full), "mises-a-jour/import"],
)
def test_a_page_comes_and_one_can_sign_in(server: Site, web: WebProcess, path: str) -> None:
    port = int(server.url.rpartition(":")[2])
    with ExitStack() as lines:
        slow = []
        for _ in range(SENDERS):
            slow.append(lines.enter_context(socket.create_connection(("127.0.0.1", port))))
            slow[-1].sendall(f"POST /superviseur/{path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n".encode() + FORM)
        for _ in range(3):
            assert requests.get(f"{web.url}/connexion", timeout=20).status_code == 200
            for line in slow:
                try:
                    line.sendall(b"a")
                except OSError:  # this one was cut
                    continue
        session = web.session()
        assert session.get(f"{web.url}/api/status", timeout=20).json()["worker"] == "down"


@pytest.mark.full
@pytest.mark.parametrize("kind", ["nginx", "apache", "haproxy"])
def test_a_handshake_that_comes_byte_by_byte_is_cut(kind: Kind) -> None:
    with running_site(kind, "superviseur.localhost", tls=True) as site:
        port = int(site.url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)) as line:
            line.sendall(bytes.fromhex("16030140000100"))
            wait_until(lambda: is_cut(line), "the end of the connection", 4 * HEAD_SECONDS)


def is_cut(line: socket.socket) -> bool:
    """Whether the other end takes no further byte."""
    try:
        line.sendall(b"x")
    except OSError:
        return True
    return False


@pytest.mark.parametrize("kind", ["caddy", "haproxy"])
def test_a_page_whose_connection_was_cut_is_asked_for_again(kind: Kind) -> None:
    """In a crowd, a connection may be cut before its request is read; what changes something is asked once."""

    def cut_first(handler: BaseHTTPRequestHandler) -> None:
        if len(site.supervisor.seen) == 1:
            handler.close_connection = True
        else:
            reply(handler, 200, b"page")

    with running_site(kind) as site:
        site.supervisor.handle = cut_first
        assert site.ask("GET", "/superviseur/connexion").status == 200
        site.supervisor.seen.clear()
        site.http.clear()  # on a connection that served before, HAProxy leaves it to the client to ask again
        assert site.ask("POST", "/superviseur/connexion").status == 502
        assert len(site.supervisor.seen) == 1
