"""A real HTTP server on a free port of this machine, with as many bad manners as a test asks for."""

import gc
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from weakref import WeakSet

PIECE_BYTES = 65536
Behaviour = Callable[["Handler"], bool]
"""Answers a request in its own way and says True, or says False to have the file served."""


@dataclass
class Server:
    """What a test sees of the server. `sent` counts the bytes of bodies, `paths` lists the requests."""

    root: Path
    url: str = ""
    port: int = 0
    sent: int = 0
    paths: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    behaviour: Behaviour | None = None
    cut_after: Callable[[], int | None] = lambda: None
    ranges: bool = True
    etags: bool = True
    stopping: threading.Event = field(default_factory=threading.Event)

    before: "WeakSet[socket.socket]" = field(default_factory=lambda: WeakSet(_open_sockets()))

    def clients(self) -> list[socket.socket]:
        """The client sockets made since the server's start and still open in the tests' process, reset ones too."""
        made = [found for found in _open_sockets() if found not in self.before]
        return [found for found in made if _local_port(found) not in (None, self.port)]


def _local_port(found: socket.socket) -> int | None:
    """The port on our side; None for a socket that its own thread has closed since it was found open."""
    try:
        port: int = found.getsockname()[1]
    except OSError:
        return None
    return port


def _open_sockets() -> list[socket.socket]:
    sockets = (found for found in gc.get_objects() if type(found) is socket.socket)
    return [found for found in sockets if found.fileno() != -1 and found.family == socket.AF_INET]


class Handler(BaseHTTPRequestHandler):
    """Serves files below the root, by ranges."""

    protocol_version = "HTTP/1.1"
    state: Server

    def do_GET(self) -> None:
        """Static files, unless the test's behaviour answers."""
        self.state.paths.append(self.path)
        self.state.headers.append(dict(self.headers.items()))
        self.close_connection = True
        if self.state.behaviour is not None and self.state.behaviour(self):
            return
        path = self.state.root / self.path.lstrip("/")
        if not path.is_file():
            self.answer(404, b"absent")
            return
        self.serve(path)

    def serve(self, path: Path) -> None:
        """The file, or the range of it that was asked for, cut where the test wants."""
        facts = path.stat()
        etag = f'"{facts.st_size}-{facts.st_mtime_ns}"'
        headers = {"ETag": etag} if self.state.etags else {}
        start = self._start(etag)
        if start is not None and start >= facts.st_size:
            self.answer(416, b"")
            return
        with path.open("rb") as file:
            file.seek(start or 0)
            rest = file.read()
        if start is not None:
            headers["Content-Range"] = f"bytes {start}-{facts.st_size - 1}/{facts.st_size}"
        self.answer(200 if start is None else 206, rest, headers)

    def answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        """One whole answer, or its beginning."""
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        cut = self.state.cut_after() if status in (200, 206) else None
        self.send(body if cut is None else body[:cut])

    def send(self, data: bytes) -> None:
        """Bytes of a body, counted before they leave: whoever has received them finds them counted."""
        for start in range(0, len(data), PIECE_BYTES):
            piece = data[start : start + PIECE_BYTES]
            self.state.sent += len(piece)
            self.wfile.write(piece)

    def _start(self, etag: str) -> int | None:
        wanted = self.headers.get("Range")
        same = self.headers.get("If-Range", etag) == etag
        if not self.state.ranges or not wanted or not same:
            return None
        return int(wanted.removeprefix("bytes=").removesuffix("-"))

    def log_message(self, *_: object) -> None:
        """Silent."""


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Clients that leave are the point of these tests."""


@contextmanager
def serving(root: Path, certificate: Path | None = None) -> Iterator[Server]:
    """Serve the folder `root` until the end of the block; over TLS where `certificate` (key and chain) is given."""
    state = Server(root)
    server = _Quiet(("127.0.0.1", 0), type("TestHandler", (Handler,), {"state": state}))
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    state.port = server.server_address[1]
    state.url = f"{'https' if certificate else 'http'}://127.0.0.1:{state.port}/"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        state.stopping.set()
        server.shutdown()
        server.server_close()
        thread.join()
