"""A configuration in a temporary folder, and small real HTTP servers that stand for the platform."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import SHUT_RDWR, socket
from threading import Thread
from typing import Any

import pytest

from ospi_supervisor.config.tables import Config, parse_config
from tests.platform.hook_bench import Bench
from tests.support.system import free_port, require_root

Handle = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class Stub:
    """A server whose answers a test gives, and the requests that it saw."""

    port: int
    handle: Handle
    seen: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    server: ThreadingHTTPServer | None = None
    connections: list[socket] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        stub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                headers = {name.title(): value for name, value in self.headers.items()}  # they have no case
                stub.seen.append((self.command, self.path, headers))
                stub.handle(self)

            do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = answer  # noqa: N815 - http.server's

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 64

            def process_request(self, request: Any, client_address: Any) -> None:
                stub.connections.append(request)
                super().process_request(request, client_address)

            def handle_error(self, request: Any, client_address: Any) -> None:
                pass  # a client that went away is the business of its test

        self.server = Server(("127.0.0.1", self.port), Handler)
        Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        if self.server is not None:
            self.server.shutdown()
            self.server.server_close()
            for connection in self.connections:
                with suppress(OSError):  # ended long ago, most of them
                    connection.shutdown(SHUT_RDWR)
            self.connections.clear()
            self.server = None


def reply(
    handler: BaseHTTPRequestHandler, status: int = 200, body: bytes = b"ok", headers: dict[str, str] | None = None
) -> None:
    """Read the request's body, as far as it comes, and answer."""
    length = int(handler.headers.get("Content-Length") or 0)
    while length > 0 and (piece := handler.rfile.read(min(length, 1 << 20))):
        length -= len(piece)
    handler.send_response(status)
    for name, value in (headers or {}).items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    if handler.command != "HEAD":
        handler.wfile.write(body)


@pytest.fixture
def make_stub() -> Iterator[Callable[[Handle], Stub]]:
    """Starts servers on free ports; all are stopped when the test ends."""
    stubs: list[Stub] = []

    def make(handle: Handle) -> Stub:
        stub = Stub(free_port(), handle)
        stub.start()
        stubs.append(stub)
        return stub

    yield make
    for stub in stubs:
        stub.stop()


@pytest.fixture
def make_config(tmp_path: Path) -> Callable[..., Config]:
    """A whole configuration below the test's folder; keys of tables can be given another value."""

    def make(**tables: dict[str, Any]) -> Config:
        document: dict[str, Any] = {
            "supervisor": {"state_dir": str(tmp_path / "state"), "listen": "127.0.0.1:1"},
            "platform": {
                "product": "portail",
                "name": "Portail d'essai",
                "root": str(tmp_path / "platform"),
                "public_url": "http://127.0.0.1:1/",
                "health_url": "http://127.0.0.1:1/health",
                "data_dirs": [str(tmp_path / "data")],
            },
            "maintenance": {
                "flag": str(tmp_path / "maintenance" / "flag"),
                "page_dir": str(tmp_path / "maintenance" / "page"),
                "contact": "Service informatique, poste 1234",
            },
            "backup": {"directory": str(tmp_path / "backup")},
            "trust": {"root": str(tmp_path / "root.json")},
        }
        for table, values in tables.items():
            document[table] = {**document.get(table, {}), **values}
        return parse_config(document)

    return make


@pytest.fixture
def as_root() -> None:
    """Only root can change accounts."""
    require_root("programs are run under another account")


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A release folder below a platform's root."""
    release = tmp_path / "releases" / "11.6.0"
    release.mkdir(parents=True)
    bench = Bench(release)
    yield bench
    for pid in bench.survivors():
        os.kill(pid, signal.SIGKILL)
