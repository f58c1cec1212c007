"""The platform of the benchmarks: `service.py start|stop ROOT PORT`; it answers with its release's version.

As small as a service can be, so that what an update adds to its own stop and start can be seen.
"""

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


def serve(root: Path, port: int) -> None:
    """Serve in the foreground, with the version that `current` names now. `/page/N` does a page's work besides."""
    documents = sorted((root.parent / "data").rglob("document-*"))
    database = sqlite3.connect(root.parent / "data/mesure.sqlite", isolation_level=None, check_same_thread=False)
    one_at_a_time = threading.Lock()
    body = json.dumps({"version": (root / "current").readlink().name}).encode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.startswith("/page/"):
                documents[int(self.path.rsplit("/", 1)[1]) * 7919 % len(documents)].read_bytes()
                with one_at_a_time:
                    database.execute("INSERT INTO sejour (texte) VALUES (?)", [self.path])
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- inherited name
            """Quiet: a hundred requests a second are expected."""

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        server.serve_forever()


def start(root: Path, port: int, pid_file: Path) -> None:
    """Start the server and wait until it listens."""
    if running(pid_file):
        return
    command = [sys.executable, __file__, "serve", str(root), str(port)]
    null = subprocess.DEVNULL
    daemon = subprocess.Popen(command, stdin=null, stdout=null, stderr=null, start_new_session=True)
    pid_file.write_text(str(daemon.pid), encoding="ascii")
    while socket.socket().connect_ex(("127.0.0.1", port)) != 0:
        time.sleep(0.01)


def stop(pid_file: Path) -> None:
    """End the server and wait for it."""
    if running(pid_file):
        os.kill(int(pid_file.read_text(encoding="ascii")), signal.SIGTERM)
        while running(pid_file):
            time.sleep(0.01)


def running(pid_file: Path) -> bool:
    """Whether the server lives (nobody else's pid is taken for it: its command line is looked at)."""
    try:
        command = Path(f"/proc/{int(pid_file.read_text(encoding='ascii'))}/cmdline").read_bytes()
    except FileNotFoundError:
        return False
    return b"service.py" in command


def main() -> int:
    """Do what the first argument says."""
    action, root, port = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    pid_file = Path(__file__).with_name("service.pid")
    if action == "serve":
        serve(root, port)
    elif action == "start":
        start(root, port, pid_file)
    elif action == "stop":
        stop(pid_file)
    return 0


if __name__ == "__main__":
    sys.exit(main())
