"""The small platform of these tests: `portal.py PORT DATABASE`, started in a release's folder.

It is well where its rows have the form that its own version knows.
"""

import json
import sqlite3
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Handler(BaseHTTPRequestHandler):
    """Health, and how many rows there are."""

    version = Path("VERSION").read_text().strip()

    def do_GET(self) -> None:
        """200 with the version; 500 where a row has another form."""
        with sqlite3.connect(sys.argv[2]) as database:
            (foreign,) = database.execute("SELECT count(*) FROM stay WHERE form <> ?", [self.version]).fetchone()
        database.close()
        body = json.dumps({"version": self.version}).encode()
        self.send_response(500 if foreign else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Silent."""


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever(poll_interval=0.02)
