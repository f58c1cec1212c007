"""What stands at the demonstration's public address: the gate and the portal's proxy."""

import json
from collections.abc import Iterable
from pathlib import Path
from threading import Thread
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest
from werkzeug.serving import make_server
from werkzeug.test import Client
from werkzeug.wrappers import Request

from demo.gate import Gate, Portal
from demo.prepare import free_port

PAGE = "<!doctype html><title>Maintenance</title>"


def platform(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Stands for the portal: says what it was asked."""
    body = Request(environ).get_data()
    start_response("201 Created", [("Content-Type", "text/plain"), ("X-Asked", environ["PATH_INFO"])])
    return [environ["REQUEST_METHOD"].encode(), b" ", environ["QUERY_STRING"].encode(), b" ", body]


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    """A gate before `platform`, its page prepared, its flag down."""
    page_dir = tmp_path / "page"
    page_dir.mkdir()
    (page_dir / "index.html").write_text(PAGE, encoding="utf-8")
    return Gate(platform, tmp_path / "flag", page_dir)


@pytest.mark.parametrize("method", ["GET", "POST", "HEAD", "PUT", "DELETE"])
@pytest.mark.parametrize("path", ["/", "/a/deep/address", "/health"])
def test_every_address_gets_the_page_while_the_flag_is_there(
    gate: Gate, tmp_path: Path, method: str, path: str
) -> None:
    (tmp_path / "flag").touch()
    answer = Client(gate).open(path, method=method)
    assert answer.status_code == 503
    assert answer.headers["X-OSPI-Maintenance"] == "1"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Retry-After"].isdigit()
    assert answer.text == ("" if method == "HEAD" else PAGE)


def test_the_gate_follows_the_flag_at_once(gate: Gate, tmp_path: Path) -> None:
    client = Client(gate)
    assert client.get("/x").status_code == 201
    (tmp_path / "flag").touch()
    assert client.get("/x").status_code == 503
    (tmp_path / "flag").unlink()
    assert client.get("/x").status_code == 201


def test_status_is_served_with_the_page_and_is_nothing_of_ours_without(gate: Gate, tmp_path: Path) -> None:
    client = Client(gate)
    assert client.get("/maintenance/status.json").headers["X-Asked"] == "/maintenance/status.json"
    (tmp_path / "flag").touch()
    assert client.get("/maintenance/status.json").status_code == 404
    (tmp_path / "page" / "status.json").write_text(json.dumps({"phase": "migrate"}), encoding="utf-8")
    answer = client.get("/maintenance/status.json")
    assert (answer.status_code, answer.json) == (200, {"phase": "migrate"})
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")  # werkzeug's proxy leaves it to the collector
def test_the_portal_is_reached_whole_through_the_proxy() -> None:
    server = make_server("127.0.0.1", 0, platform)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        answer = Client(Portal(f"http://127.0.0.1:{server.server_port}")).post("/a/b%20é?q=1", data="corps")
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()
    assert answer.status_code == 201
    assert answer.headers["X-Asked"] == "/a/b é".encode().decode("latin-1")
    assert answer.text == "POST q=1 corps"


def test_a_dead_portal_gives_a_short_page_that_leads_to_the_supervisor() -> None:
    answer = Client(Portal(f"http://127.0.0.1:{free_port()}")).get("/")
    assert answer.status_code == 503
    assert "X-OSPI-Maintenance" not in answer.headers
    assert 'href="/superviseur/"' in answer.text


@pytest.mark.parametrize("flag", [False, True])
def test_what_tells_of_an_interruption_is_served_in_maintenance_or_not(gate: Gate, tmp_path: Path, flag: bool) -> None:
    if flag:
        (tmp_path / "flag").touch()
    client = Client(gate)
    assert client.get("/maintenance/annonce.json").status_code == 404
    for name, kind in (("annonce.json", "application/json"), ("annonce.js", "text/javascript")):
        (tmp_path / "page" / name).write_text("{}", encoding="utf-8")
        answer = client.get(f"/maintenance/{name}")
        assert (answer.status_code, answer.mimetype, answer.headers["Cache-Control"]) == (200, kind, "no-store")
