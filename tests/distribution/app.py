#!/usr/bin/python3
"""A small platform for a server without Python's libraries: one number in SQLite, and a page that says its version."""

import http.server
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
VERSION = (HERE / "VERSION").read_text(encoding="utf-8").strip() if (HERE / "VERSION").exists() else ""


class Page(http.server.BaseHTTPRequestHandler):
    """Answers every address with the version."""

    def do_GET(self) -> None:
        """The version, as the health check reads it."""
        body = json.dumps({"version": VERSION}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Nothing."""


def main() -> int:
    """`start`, `stop` and `status` of the platform below `root`, `serve` in the foreground, `seed` its database."""
    action, root, data, port = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])
    pid_file = data / "pid"
    try:
        pid = int(pid_file.read_text())
        alive = f"{port}" in Path(f"/proc/{pid}/cmdline").read_text()
    except (OSError, ValueError):
        pid, alive = 0, False
    if action == "status":
        return 0 if alive else 3
    if action == "serve":
        http.server.ThreadingHTTPServer(("127.0.0.1", port), Page).serve_forever()
    if action == "seed":
        with sqlite3.connect(data / "app.db") as database:
            database.execute("CREATE TABLE stays (number INTEGER)")
            database.executemany("INSERT INTO stays VALUES (?)", [(number,) for number in range(1000)])
    if action == "start" and not alive:
        with (data / "log").open("ab") as log:
            command = [sys.executable, str(root / "current" / "app.py"), "serve", str(root), str(data), str(port)]
            child = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        pid_file.write_text(str(child.pid))
    if action == "stop" and alive:
        os.kill(pid, signal.SIGTERM)
        while Path(f"/proc/{pid}/cmdline").exists() and Path(f"/proc/{pid}/cmdline").read_bytes():
            time.sleep(0.02)
    return 0


if __name__ == "__main__":
    sys.exit(main())
