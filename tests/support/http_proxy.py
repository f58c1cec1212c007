"""A real HTTP proxy on a free port of this machine: CONNECT and plain requests, with or without a password."""

import base64
import http.client
import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


@dataclass
class Proxy:
    """What a test sees of the proxy. `refusal` is a status that it answers to everything."""

    url: str = ""
    credentials: str | None = None
    refusal: int | None = None
    requests: list[str] = field(default_factory=list)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state: Proxy

    def do_CONNECT(self) -> None:
        if self._refused():
            return
        host, _, port = self.path.rpartition(":")
        with socket.create_connection((host, int(port)), 5) as upstream:
            self.send_response(200)
            self.end_headers()
            self._pump(upstream)
        self.close_connection = True

    def do_GET(self) -> None:
        self.close_connection = True
        if self._refused():
            return
        target = urlsplit(self.path)
        upstream = http.client.HTTPConnection(target.hostname or "", target.port, timeout=5)
        upstream.request("GET", target.path, headers={"Connection": "close"})
        answer = upstream.getresponse()
        body = answer.read()
        upstream.close()
        self.send_response(answer.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _refused(self) -> bool:
        self.state.requests.append(f"{self.command} {self.path}")
        status = self.state.refusal
        if self.state.credentials is not None:
            expected = "Basic " + base64.b64encode(self.state.credentials.encode()).decode()
            if self.headers.get("Proxy-Authorization") != expected:
                status = 407
        if status is not None:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()
        return status is not None

    def _pump(self, upstream: socket.socket) -> None:
        pair = {self.connection: upstream, upstream: self.connection}
        while True:
            for source in select.select(list(pair), [], [], 5)[0]:
                data = source.recv(65536)
                if not data:
                    return
                pair[source].sendall(data)

    def log_message(self, *_: object) -> None:
        """Silent."""


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Clients that leave are expected."""


@contextmanager
def proxying() -> Iterator[Proxy]:
    """A proxy until the end of the block."""
    state = Proxy()
    server = _Quiet(("127.0.0.1", 0), type("TestProxy", (_Handler,), {"state": state}))
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
