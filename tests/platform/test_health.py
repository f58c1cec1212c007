"""Health: what counts as well, and the words for all that does not."""

import socket
import time
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from ospi_supervisor.config.tables import Config
from ospi_supervisor.errors import PlatformError
from ospi_supervisor.platform import health
from ospi_supervisor.platform.health import Health
from tests.platform.conftest import Handle, Stub, reply

Make = Callable[..., Config]
MakeStub = Callable[[Handle], Stub]


def health_of(make_config: Make, url: str, **platform: object) -> Health:
    return Health(make_config(platform={"health_url": url, "public_url": url, **platform}).platform)


def answering(status: int = 200, body: bytes = b"", **headers: str) -> Handle:
    return lambda handler: reply(
        handler, status, body, {name.replace("_", "-"): text for name, text in headers.items()}
    )


@pytest.mark.parametrize(
    ("handle", "expected", "version", "error"),
    [
        (answering(body=b'{"version": "11.6.0", "status": "ok"}'), "11.6.0", "11.6.0", None),
        (answering(body=b'{"version": "11.6"}'), "11.6.0", "11.6", None),
        (answering(body=b"fine", X_OSPI_Version="11.6.0"), "11.6.0", "11.6.0", None),
        (answering(body=b'{"version": "11.5.0"}'), None, "11.5.0", None),
        (answering(body=b'{"version": "11.5.0"}'), "11.6.0", "11.5.0", "annonce la version 11.5.0 au lieu de 11.6.0"),
        (answering(body=b'{"version": "???"}'), "11.6.0", "???", "annonce la version"),
        (answering(body=b'{"version": 11}'), None, None, "ne donne pas sa version"),
        (answering(body=b'["11.6.0"]'), None, None, "ne donne pas sa version"),
        (answering(body=b"\xff\xfe<html>"), None, None, "ne donne pas sa version"),
        (answering(503, b'{"version": "11.6.0"}'), "11.6.0", None, "répond 503 au lieu de 200"),
        (answering(302, Location="/"), None, None, "répond 302 au lieu de 200"),
    ],
)
def test_verdicts(
    make_config: Make, make_stub: MakeStub, handle: Handle, expected: str | None, version: str | None, error: str | None
) -> None:
    facts = health_of(make_config, make_stub(handle).url).check(expected)
    assert facts.ok is (error is None)
    assert facts.version == version
    assert (error or "") in (facts.error or "")


def test_nobody_there_is_said(make_config: Make) -> None:
    facts = health_of(make_config, "http://127.0.0.1:1/health").check(None)
    assert not facts.ok
    assert "ne répond pas : connexion impossible" in (facts.error or "")


def test_proxies_of_the_environment_are_not_used(
    make_config: Make, make_stub: MakeStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert health_of(make_config, make_stub(answering(body=b'{"version": "1"}')).url).check("1").ok


def test_an_answer_without_end_is_cut(make_config: Make, make_stub: MakeStub) -> None:
    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(1 << 40))
        handler.end_headers()
        for _ in range(64):
            handler.wfile.write(b"x" * 65536)

    assert "ne donne pas sa version" in (health_of(make_config, make_stub(endless).url).check(None).error or "")


def trickle(handler: BaseHTTPRequestHandler, first: bytes, again: bytes) -> None:
    """Send something a few times a second, for ever, as a stream of events does."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n" + first)
    with suppress(OSError):  # the client has had enough
        for _ in range(150):
            handler.wfile.write(again)
            time.sleep(0.1)


HANG_SECONDS = 60
"""A trickle goes on for ever."""
TRICKLES = [
    (b"Content-Type: text/event-stream\r\n\r\n", b": heartbeat\n\n"),
    (b"Content-Length: 1000000\r\n\r\n", b" "),
    (b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    (b"", b"X-Again: and again\r\n"),
]


@pytest.mark.parametrize(("first", "again"), TRICKLES)
def test_an_answer_that_trickles_does_not_defeat_the_limit(
    make_config: Make, make_stub: MakeStub, first: bytes, again: bytes
) -> None:
    stub = make_stub(lambda handler: trickle(handler, first, again))
    began = time.monotonic()
    with pytest.raises(PlatformError, match=r"après 1.5 secondes : .* délai dépassé"):
        health_of(make_config, stub.url).wait("11.6.0", 1.5, lambda: None)
    assert time.monotonic() - began < HANG_SECONDS


def test_nor_does_it_on_the_users_side(make_config: Make, make_stub: MakeStub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "ANSWER_SECONDS", 1.0)
    stub = make_stub(lambda handler: trickle(handler, b"", b"X-Again: and again\r\n"))
    began = time.monotonic()
    assert "délai dépassé" in health_of(make_config, stub.url).public()
    assert time.monotonic() - began < HANG_SECONDS


def test_a_name_that_is_found_too_late_does_not_either(
    make_config: Make, make_stub: MakeStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub = make_stub(lambda handler: trickle(handler, b"\r\n", b" "))
    find = socket.getaddrinfo

    def find_slowly(*args: Any, **options: Any) -> Any:
        time.sleep(0.5)
        return find(*args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", find_slowly)
    began = time.monotonic()
    assert "délai dépassé" in (health_of(make_config, stub.url).check(None, 0.2).error or "")
    assert time.monotonic() - began < HANG_SECONDS


def test_authorities_that_cannot_be_read_are_said(make_config: Make, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"https://127.0.0.1:{server.getsockname()[1]}/health"
        facts = health_of(make_config, url, ca_bundle=str(tmp_path / "absent.pem")).check(None)
    assert "voir platform.ca_bundle" in (facts.error or "")


def test_wait_is_quick_once_the_platform_is_well(make_config: Make, make_stub: MakeStub) -> None:
    ready_at = time.monotonic() + 0.4
    beats: list[float] = []

    def late(handler: BaseHTTPRequestHandler) -> None:
        reply(handler, 200 if time.monotonic() > ready_at else 503, b'{"version": "11.6.0"}')

    health_of(make_config, make_stub(late).url).wait("11.6.0", 10, lambda: beats.append(time.monotonic()))
    assert len(beats) > 3, "it looks more often than each second"


def test_a_platform_that_answers_once_and_dies_is_not_well(make_config: Make, make_stub: MakeStub) -> None:
    answers = iter([200])

    def dying(handler: BaseHTTPRequestHandler) -> None:
        reply(handler, next(answers, 503), b'{"version": "11.6.0"}')

    with pytest.raises(PlatformError, match="répond 503"):
        health_of(make_config, make_stub(dying).url).wait("11.6.0", 0.5, lambda: None)


def test_wait_ends_with_the_last_answer(make_config: Make, make_stub: MakeStub) -> None:
    old = make_stub(answering(body=b'{"version": "11.5.0"}'))
    with pytest.raises(PlatformError, match=r"après 0.3 secondes : .* 11.5.0 au lieu de 11.6.0"):
        health_of(make_config, old.url).wait("11.6.0", 0.3, lambda: None)


@pytest.mark.parametrize(
    ("handle", "seen"),
    [
        (answering(), "platform"),
        (answering(401), "platform"),
        (answering(403), "platform"),
        (answering(302, Location="https://connexion.hopital.example/"), "platform"),
        (answering(503, X_OSPI_Maintenance="1"), "maintenance"),
        (answering(503), "répond 503"),
        (answering(200, X_OSPI_Maintenance="1"), "platform"),
        (answering(404), "répond 404"),
        (answering(302, Location="/"), "renvoie sans fin"),
    ],
)
def test_the_users_view(make_config: Make, make_stub: MakeStub, handle: Handle, seen: str) -> None:
    assert seen in health_of(make_config, make_stub(handle).url).public()


def test_redirects_on_the_same_host_are_followed(make_config: Make, make_stub: MakeStub) -> None:
    page = make_stub(answering(503, X_OSPI_Maintenance="1"))
    entry = make_stub(answering(301, Location=f"{page.url}/portail"))
    assert health_of(make_config, entry.url).public() == "maintenance"
