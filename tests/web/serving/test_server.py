"""The real web process under waitress: streams, limits, proxies, its end, and an official tus client."""

import http.client
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import psutil
import pytest
import requests
from tusclient import client as tus

from ospi_supervisor.domain.lifecycle import Phase
from ospi_supervisor.web.broadcaster import HEARTBEAT_SECONDS, MAX_STREAMS
from tests.support.site import Archives, Site
from tests.support.system import free_port, wait_until
from tests.support.tmpfs import fill, small_disk
from tests.support.web_process import WebProcess, web_process

MIB = 1024 * 1024


def open_stream(web: WebProcess, session: requests.Session, update: int, **headers: str) -> requests.Response:
    headers = {"Accept": "text/event-stream", **headers}
    return session.get(f"{web.url}/api/updates/{update}/events", headers=headers, stream=True, timeout=20)


def test_it_ends_at_once_though_streams_are_open(web: WebProcess) -> None:
    session, update = web.session(), web.site.update()
    streams = [open_stream(web, session, update) for _ in range(3)]
    for stream in streams:
        lines = stream.iter_lines(chunk_size=1, decode_unicode=True)
        assert "event: phase" in [next(lines) for _ in range(5)]
    began = time.monotonic()
    assert web.stop(signal.SIGTERM) == 0
    assert time.monotonic() - began < HEARTBEAT_SECONDS


def test_a_stream_delivers_while_it_happens(web: WebProcess) -> None:
    stream = open_stream(web, web.session(), web.site.update())
    lines = stream.iter_lines(chunk_size=1, decode_unicode=True)
    assert "event: phase" in [next(lines) for _ in range(5)]
    web.site.event(1, "log", Phase.VERIFY, level="info", message="bonjour")
    began = time.monotonic()
    assert any("bonjour" in line for line in lines)
    assert time.monotonic() - began < HEARTBEAT_SECONDS
    stream.close()


def test_a_client_that_leaves_frees_its_stream(web: WebProcess) -> None:
    session, update = web.session(), web.site.update()
    streams = [open_stream(web, session, update) for _ in range(MAX_STREAMS)]
    assert {stream.status_code for stream in streams} == {200}
    assert open_stream(web, session, update).status_code == 503
    assert session.get(f"{web.url}/api/status").status_code == 200
    for stream in streams:
        stream.close()

    def one_is_free() -> bool:
        with open_stream(web, session, update) as stream:
            return stream.status_code == 200

    wait_until(one_is_free, "a free stream")


@pytest.mark.parametrize("how", ["sign_out", "removal", "password"])
def test_a_stream_ends_soon_after_its_session(web: WebProcess, how: str) -> None:
    session, update = web.session(), web.site.update()
    with open_stream(web, session, update) as stream, open_stream(web, web.session(), update) as other:
        if how == "sign_out":
            assert session.post(f"{web.url}/deconnexion", allow_redirects=False).status_code == 303
        elif how == "removal":
            web.site.operations.web.remove_account("admin")
        else:
            web.site.operations.web.set_password("admin", "x")
        began = time.monotonic()
        assert "event: phase" in stream.text
        assert time.monotonic() - began < HEARTBEAT_SECONDS
        if how == "sign_out":
            web.site.event(update, "end", Phase.VERIFY, status="failed")
            assert "event: end" in other.text, "another session goes on"


def test_killed_and_started_again_a_stream_goes_on_where_it_was(web: WebProcess) -> None:
    session, update = web.session(), web.site.update()
    first = open_stream(web, session, update)
    last = next(line for line in first.iter_lines(chunk_size=1, decode_unicode=True) if line.startswith("id: "))
    web.stop(signal.SIGKILL)
    web.site.event(update, "log", Phase.VERIFY, level="info", message="pendant la panne")
    web.start()
    again = open_stream(web, session, update, **{"Last-Event-ID": last.removeprefix("id: ")})
    ids = (line for line in again.iter_lines(chunk_size=1, decode_unicode=True) if line.startswith("id: "))
    assert next(ids) == f"id: {int(last.removeprefix('id: ')) + 1}"
    again.close()


def test_an_official_client_uploads_across_a_kill_of_the_server(web: WebProcess, archives: Archives) -> None:
    session = web.session()
    cookies = "; ".join(f"{name}={value}" for name, value in session.cookies.items())
    headers = {"Cookie": cookies, "X-CSRFToken": str(session.headers["X-CSRFToken"])}
    address = f"{web.url}/mises-a-jour/televersements"
    with archives.large.open("rb") as file:
        uploader = tus.TusClient(address, headers=headers).uploader(
            file_stream=file, chunk_size=MIB, retries=20, retry_delay=1, upload_checksum=True
        )
        uploader.upload(stop_at=2 * MIB)
        web.stop(signal.SIGKILL)
        restart = threading.Timer(0.5, web.start)
        restart.start()
        uploader.upload()
        restart.join()
    upload = str(uploader.url).rsplit("/", 1)[1]
    document = session.get(f"{web.url}/api/uploads/{upload}").json()
    assert (document["verdict"], document["complete"]) == ("accepted", True)


@pytest.fixture
def huge(tmp_path: Path) -> Iterator[BinaryIO]:
    """A file of 80 MiB that takes no room."""
    with (tmp_path / "huge").open("w+b") as file:
        file.truncate(80 * MIB)
        yield file


def test_a_form_beyond_its_limit_gets_words_and_costs_no_disk(web: WebProcess, huge: BinaryIO) -> None:
    session = web.session()
    headers = {"Accept": "text/html", "Content-Type": "multipart/form-data; boundary=x"}
    before = psutil.Process(web.pid).io_counters().write_bytes
    answer = session.post(f"{web.url}/mises-a-jour/import", data=huge, headers=headers)
    assert answer.status_code == 413
    assert "ospi-supervisor import" in answer.text
    assert psutil.Process(web.pid).io_counters().write_bytes - before < MIB


@pytest.mark.parametrize("address", ["mises-a-jour/import", "mises-a-jour/televersements/x", "connexion"])
def test_nobody_fills_memory_or_disk_without_having_signed_in(web: WebProcess, huge: BinaryIO, address: str) -> None:
    process = psutil.Process(web.pid)
    memory, written = process.memory_info().rss, process.io_counters().write_bytes
    answer = requests.post(f"{web.url}/{address}", data=huge, headers={"Accept": "application/json"}, timeout=60)
    assert answer.status_code == (413 if address == "connexion" else 401)
    chunks = (bytes(MIB) for _ in range(4))
    assert requests.post(f"{web.url}/{address}", data=chunks, timeout=60).status_code == 413
    assert process.memory_info().rss - memory < 16 * MIB
    assert process.io_counters().write_bytes - written < MIB


def test_a_slice_of_the_largest_size_is_taken(web: WebProcess) -> None:
    session = web.session()
    address = f"{web.url}/mises-a-jour/televersements"
    created = session.post(address, headers={"Tus-Resumable": "1.0.0", "Upload-Length": str(20 * MIB)})
    slice_headers = {
        "Tus-Resumable": "1.0.0",
        "Upload-Offset": "0",
        "Content-Type": "application/offset+octet-stream",
    }
    url = f"http://127.0.0.1:{web.port}{created.headers['Location']}"
    as_post = slice_headers | {"X-HTTP-Method-Override": "PATCH"}
    assert session.post(url, data=bytes(8 * MIB + 1), headers=as_post).status_code == 413
    assert session.post(url, data=bytes(8 * MIB), headers=as_post).json()["code"] == "not_an_archive"
    assert session.patch(url, data=bytes(8 * MIB), headers=slice_headers).json()["code"] == "not_an_archive"
    assert session.patch(url, data=bytes(8 * MIB + 1), headers=slice_headers).status_code == 413


@pytest.mark.system
def test_a_full_disk_is_said_and_the_connection_and_the_upload_go_on(
    tmp_path: Path, platform: str, archives: Archives
) -> None:
    port, data = free_port(), archives.large.read_bytes()
    site = Site(tmp_path / "site", platform, archives.root, port=port)
    with small_disk(site.config.paths.uploads_dir, "24m") as disk, web_process(site, port) as web:
        session = web.session()
        headers = {"Tus-Resumable": "1.0.0", "X-CSRFToken": str(session.headers["X-CSRFToken"])}
        headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in session.cookies.items())
        created = session.post(
            f"{web.url}/mises-a-jour/televersements",
            headers={"Tus-Resumable": "1.0.0", "Upload-Length": str(len(data))},
        )
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)

        def ask(method: str, offset: int = 0, body: bytes | None = None) -> tuple[int, str | None]:
            about = {"Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"} if body else {}
            connection.request(method, created.headers["Location"], body, headers | about)
            answer = connection.getresponse()
            answer.read()
            return answer.status, answer.headers["Upload-Offset"]

        assert ask("PATCH", 0, data[:MIB]) == (204, str(MIB))
        for length in (MIB + 1, MIB):  # which gives back the room that was kept: not every file system keeps any
            os.truncate(disk / created.headers["Location"].rsplit("/", 1)[1], length)
        filler = fill(disk)
        assert ask("PATCH", MIB, data[MIB:])[0] == 507
        opened = connection.sock
        assert opened is not None
        assert ask("HEAD") == (200, str(MIB))
        assert connection.sock is opened
        filler.unlink()
        assert ask("PATCH", MIB, data[MIB:]) == (204, str(len(data)))
        connection.close()
    site.close()


@pytest.mark.parametrize(("trusted", "seen"), [("127.0.0.1", "203.0.113.9"), ("192.0.2.1", "127.0.0.1")])
def test_forwarded_addresses_are_believed_from_trusted_proxies_only(
    tmp_path: Path, platform: str, archives: Archives, trusted: str, seen: str
) -> None:
    port = free_port()
    site = Site(tmp_path / "site", platform, archives.root, port=port)
    text = site.config_path.read_text().replace("[supervisor]", f'[supervisor]\ntrusted_proxies = ["{trusted}"]')
    site.config_path.write_text(text)
    with web_process(site, port) as web:
        token = requests.get(f"{web.url}/connexion", headers={"Accept": "application/json"}, timeout=20)
        headers = {"X-Forwarded-For": "203.0.113.9", "X-CSRFToken": token.json()["csrf_token"]}
        fields = {"username": "admin", "password": "faux mot"}
        requests.post(f"{web.url}/connexion", data=fields, headers=headers, cookies=token.cookies, timeout=20)
    assert site.operations.web.audit(1)[0].address == seen
    site.close()


def test_it_uses_little_memory_for_a_large_upload(web: WebProcess, archives: Archives) -> None:
    session = web.session()
    data = archives.large.read_bytes()
    address = f"{web.url}/mises-a-jour/televersements"
    created = session.post(address, headers={"Tus-Resumable": "1.0.0", "Upload-Length": str(len(data))})
    url = f"http://127.0.0.1:{web.port}{created.headers['Location']}"
    for offset in range(0, len(data), 8 * MIB):
        headers = {"Tus-Resumable": "1.0.0", "Upload-Offset": str(offset)}
        headers["Content-Type"] = "application/offset+octet-stream"
        assert session.patch(url, data=data[offset : offset + 8 * MIB], headers=headers).status_code == 204
    assert psutil.Process(web.pid).memory_info().rss < 100 * MIB


def test_a_head_that_is_never_finished_does_not_stop_the_others(web: WebProcess) -> None:
    slow = [socket.create_connection(("127.0.0.1", web.port)) for _ in range(90)]
    for connection in slow:
        connection.sendall(b"POST /superviseur/connexion HTTP/1.1\r\nContent-Length: 100\r\n")
    assert requests.get(f"{web.url}/sante", timeout=5).status_code == 200
    for connection in slow:
        connection.close()


@pytest.mark.parametrize(("signed_in", "mebibytes"), [(False, 1), (True, 8)])
def test_a_body_that_is_only_announced_takes_no_memory(web: WebProcess, signed_in: bool, mebibytes: int) -> None:
    cookies = web.session().cookies.items() if signed_in else []
    cookie = "; ".join(f"{name}={value}" for name, value in cookies)
    requests.get(f"{web.url}/sante", timeout=5)
    before = psutil.Process(web.pid).memory_info().rss
    head = "PATCH /superviseur/mises-a-jour/televersements/x HTTP/1.1\r\nHost: x\r\n"
    head += f"Cookie: {cookie}\r\nContent-Length: {mebibytes * MIB}\r\n\r\n"
    waiting = [socket.create_connection(("127.0.0.1", web.port)) for _ in range(40)]
    for connection in waiting:
        connection.sendall(head.encode() + b"x")
    for _ in range(3):
        assert requests.get(f"{web.url}/sante", timeout=5).status_code == 200
    assert psutil.Process(web.pid).memory_info().rss - before < 16 * MIB
    for connection in waiting:
        connection.close()


def test_slices_that_are_refused_or_cut_off_keep_no_memory(web: WebProcess) -> None:
    session = web.session()
    cookie = "; ".join(f"{name}={value}" for name, value in session.cookies.items())
    head = "PATCH /superviseur/mises-a-jour/televersements/x/y HTTP/1.1\r\nHost: x\r\n"
    head += f"Cookie: {cookie}\r\nContent-Length: {8 * MIB}\r\n\r\n"
    whole = head.encode() + bytes(8 * MIB)
    before = most = psutil.Process(web.pid).memory_info().rss
    for _ in range(30):
        with socket.create_connection(("127.0.0.1", web.port)) as connection:
            connection.sendall(whole)
            assert connection.recv(12) == b"HTTP/1.1 404"
        with socket.create_connection(("127.0.0.1", web.port)) as connection:
            connection.sendall(b"GET /superviseur/sante HTTP/1.1\r\nHost: x\r\n\r\n")
            assert connection.recv(12) == b"HTTP/1.1 200"
            connection.sendall(whole[:-1])
        most = max(most, psutil.Process(web.pid).memory_info().rss)
    assert most - before < 40 * MIB


def test_the_secret_key_is_the_web_accounts_alone(web: WebProcess) -> None:
    assert web.site.config.paths.secret_key.stat().st_mode & 0o777 == 0o600
