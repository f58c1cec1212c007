"""The printed configurations, each in its real server, before stub servers for the platform and the supervisor."""

import json
import re
import socket
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler

import pytest
import urllib3

from ospi_supervisor.config.tables import Config
from ospi_supervisor.domain.proxies import KINDS, Kind
from ospi_supervisor.platform.proxies import render_proxy
from tests.platform.conftest import reply
from tests.platform.proxied import Site, running_site

pytestmark = pytest.mark.system


@pytest.fixture(scope="module", params=KINDS)
def server(request: pytest.FixtureRequest) -> Iterator[Site]:
    """One server for the module: each test leaves the flag down and both stubs up."""
    with running_site(request.param) as site:
        yield site


@pytest.fixture
def site(server: Site) -> Iterator[Site]:
    """The module's server, put back into its first state."""
    yield server
    server.switch.off()
    for stub in (server.platform, server.supervisor):
        if stub.server is None:
            stub.start()
        stub.seen.clear()


def assert_page(answer: urllib3.BaseHTTPResponse, *, body: bool = True) -> None:
    assert answer.status == 503
    assert answer.headers["X-OSPI-Maintenance"] == "1"
    assert answer.headers["Cache-Control"] == "no-store"
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert (b"Portail d&#x27;essai" in answer.data) is body


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("path", ["/", "/rapports/2026/détail?a=1&b=%2F", "/superviseurs", "/.ospi/index.html"])
def test_the_page_answers_every_method_and_address_while_the_flag_is_up(site: Site, method: str, path: str) -> None:
    site.switch.on()
    body = b"x=1" if method in ("POST", "PUT", "PATCH") else None
    assert_page(site.ask(method, path, body=body), body=method != "HEAD")
    assert site.platform.seen == []


def test_conditional_and_range_requests_get_the_page_too(site: Site) -> None:
    site.switch.on()
    first = site.ask("GET", "/")
    conditions = {"If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT", "Range": "bytes=0-3"}
    conditions |= {"If-None-Match": first.headers.get("ETag", "*")}
    assert_page(site.ask("GET", "/", headers=conditions))


def test_the_platform_is_reached_without_flag(site: Site) -> None:
    answer = site.ask("POST", "/a/b?c=d%2Fe", body=b"y" * 3_000_000)
    assert (answer.status, answer.data) == (200, b"old")
    method, path, headers = site.platform.seen[-1]
    assert (method, path) == ("POST", "/a/b?c=d%2Fe")
    assert headers["X-Forwarded-Proto"] == "http"
    assert headers["X-Forwarded-For"] == "127.0.0.1"
    assert answer.headers["X-Seen-Host"] == site.url.removeprefix("http://")


def test_an_address_with_encoded_parts_arrives_as_it_was_sent(site: Site) -> None:
    site.ask("GET", "/documents/a%2Fb%20c")
    assert site.platform.seen[-1][1] == "/documents/a%2Fb%20c"


def test_a_client_cannot_pretend_to_come_from_elsewhere(site: Site) -> None:
    site.ask("GET", "/superviseur/", headers={"X-Forwarded-For": "10.9.8.7"})
    assert site.supervisor.seen[-1][2]["X-Forwarded-For"] == "127.0.0.1"


def test_the_errors_of_the_platform_pass_as_they_are(site: Site) -> None:
    def busy(handler: BaseHTTPRequestHandler) -> None:
        reply(handler, 503, b"its own words")

    former, site.platform.handle = site.platform.handle, busy
    try:
        answer = site.ask("GET", "/")
    finally:
        site.platform.handle = former
    assert (answer.status, answer.data) == (503, b"its own words")
    assert "X-OSPI-Maintenance" not in answer.headers


def test_progress_is_served_while_the_flag_is_up_only(site: Site) -> None:
    site.switch.write_status("migrate", 42, None, None, "Migration des données")
    assert site.ask("GET", "/maintenance/status.json").status == 404
    site.switch.on()
    answer = site.ask("GET", "/maintenance/status.json")
    assert answer.status == 200
    assert answer.headers["X-OSPI-Maintenance"] == "1"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Type"].startswith("application/json")
    assert json.loads(answer.data)["percent"] == 42


def test_a_missing_progress_file_is_no_other_answer_than_not_found_or_the_page(site: Site) -> None:
    site.switch.on()
    assert site.ask("GET", "/maintenance/status.json").status in (404, 503)


def test_the_page_is_served_with_every_other_process_stopped(site: Site) -> None:
    site.platform.stop()
    site.supervisor.stop()
    site.switch.on()
    assert_page(site.ask("POST", "/somewhere", body=b"x"))


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_a_dead_platform_without_flag_is_503_and_not_the_maintenance_page(site: Site, method: str) -> None:
    site.platform.stop()
    answer = site.ask(method, "/", body=b"x=1" if method == "POST" else None)
    assert answer.status == 503
    assert "X-OSPI-Maintenance" not in answer.headers
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert ("La plateforme ne répond pas" in answer.data.decode()) is (method != "HEAD")
    site.platform.start()
    assert site.ask("GET", "/").data == b"old"


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_request_that_the_stop_of_the_platform_cuts_short_gets_the_page(site: Site, method: str) -> None:
    """It was sent before the flag went up, and was not answered yet when the services were stopped."""

    def cut(handler: BaseHTTPRequestHandler) -> None:
        site.switch.on()
        handler.connection.shutdown(socket.SHUT_RDWR)

    former, site.platform.handle = site.platform.handle, cut
    try:
        with urllib3.PoolManager() as fresh:  # Apache and HAProxy close one that served before: clients ask again
            answer = fresh.request(method, f"{site.url}/long-report", retries=False)
    finally:
        site.platform.handle = former
    assert answer.status == 503 or (site.kind, answer.status) == ("apache", 502)
    assert answer.headers["X-OSPI-Maintenance"] == "1"
    assert int(answer.headers["Retry-After"]) > 0
    assert b"Portail d&#x27;essai" in answer.data


def test_a_page_that_was_never_prepared_is_503_all_the_same(site: Site) -> None:
    site.platform.stop()
    for path in site.config.maintenance.page_dir.iterdir():
        path.unlink()
    try:
        dead = site.ask("GET", "/")
        site.switch.on()
        flagged = site.ask("POST", "/", body=b"x=1")
    finally:
        site.switch.prepare()
    assert dead.status == 503
    assert "X-OSPI-Maintenance" not in dead.headers
    assert flagged.status == 503


@pytest.mark.parametrize("path", ["/superviseur", "/superviseur/", "/superviseur/mises-a-jour/suivi?x=1"])
def test_the_supervisor_is_reachable_with_the_flag_up_and_down(site: Site, path: str) -> None:
    for flagged in (False, True):
        if flagged:
            site.switch.on()
        assert site.ask("GET", path).status == 200
        assert site.supervisor.seen[-1][1] == path


def test_events_pass_at_once(site: Site) -> None:
    site.switch.on()
    answer = site.ask("GET", "/superviseur/api/updates/1/events", preload_content=False)
    delays = []
    while line := answer.readline():
        if line.startswith(b"data: "):
            delays.append(time.time() - float(line[6:]))
    assert len(delays) == 5
    assert sorted(delays)[2] < 0.05


def test_websockets_of_the_platform_pass(site: Site) -> None:
    def upgrade(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(101)
        handler.send_header("Upgrade", "websocket")
        handler.send_header("Connection", "Upgrade")
        handler.send_header("Sec-WebSocket-Accept", "ICX+Yqv66kxgM0FcWaLWlFLwTAI=")
        handler.end_headers()
        handler.wfile.write(handler.rfile.read(5).upper())
        handler.close_connection = True

    former, site.platform.handle = site.platform.handle, upgrade
    try:
        assert _websocket_echo(site) == b"HELLO"
    finally:
        site.platform.handle = former


def _websocket_echo(site: Site) -> bytes:
    port = int(site.url.rsplit(":", 1)[1])
    with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
        client.sendall(
            f"GET /live HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n".encode()
            + b"Upgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        head = b""
        while b"\r\n\r\n" not in head:
            head += _received(client)
        assert head.startswith(b"HTTP/1.1 101")
        rest = head.split(b"\r\n\r\n", 1)[1]
        client.sendall(b"hello")
        while len(rest) < 5:
            rest += _received(client)
        return rest


def _received(client: socket.socket) -> bytes:
    piece = client.recv(1024)
    assert piece, "closed"
    return piece


def test_the_public_view_follows_the_switch(site: Site) -> None:
    assert site.health.public() == "platform"
    site.switch.on()
    assert site.health.public() == "maintenance"


@pytest.mark.parametrize("kind", KINDS)
def test_a_name_with_tls_is_rendered(make_config: Callable[..., Config], kind: Kind) -> None:
    addresses = {"public_url": "https://bi.hopital.example/", "health_url": "http://127.0.0.1:8080/health"}
    text = render_proxy(kind, make_config(platform=addresses))
    assert "bi.hopital.example" in text
    assert "443" in text
    assert "127.0.0.1:8080" in text


def test_what_nginx_has_in_common_bears_the_instances_name(make_config: Callable[..., Config]) -> None:
    printed = render_proxy("nginx", make_config(supervisor={"instance": "rh"}))
    named = re.findall(r"^map \S+ \$(\w+)|zone=(\w+):", printed, re.MULTILINE)
    assert named
    assert [name for pair in named for name in pair if name and not name.endswith("_rh")] == []
