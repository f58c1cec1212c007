"""A hospital's web filter that lets only GET and POST pass, in front of a server."""

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

REFUSAL = b"<html>Methode interdite par la politique de securite</html>"
HOP_BY_HOP = ("connection", "transfer-encoding", "content-length", "date", "server", "accept-encoding")


class Filter(BaseHTTPRequestHandler):
    """Passes GET and POST on to `behind`, and answers everything else itself."""

    protocol_version = "HTTP/1.1"
    behind = 0
    refused: list[str]

    def pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.command not in ("GET", "POST"):
            self.refused.append(self.command)
            self.give(403, {"Content-Type": "text/html"}, REFUSAL)
            return
        connection = http.client.HTTPConnection("127.0.0.1", self.behind, timeout=600)
        headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP}
        connection.request(self.command, self.path, body or None, headers)
        answer = connection.getresponse()
        self.give(answer.status, dict(answer.getheaders()), answer.read())
        connection.close()

    def give(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() not in HOP_BY_HOP:
                self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PATCH = do_HEAD = do_DELETE = do_OPTIONS = pass_on  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Silent."""


@contextmanager
def get_and_post_only(behind: int) -> Iterator[tuple[int, list[str]]]:
    """Such a filter in front of the loopback's port `behind`: its own port, and the methods that it refused so far."""
    methods: list[str] = []
    handler = type("TheFilter", (Filter,), {"behind": behind, "refused": methods})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server.server_address[1], methods
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
