"""The portal under test: `start|stop|status|serve SETTINGS`, of the standard library and psql alone.

It answers with its release's version, and is unwell where its database does not answer, or is not its version's.
"""

import json
import os
import signal
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

HERE = Path(__file__).resolve().parent
LOOK_SECONDS = 0.5
ASK = "SELECT count(*) FROM sejour WHERE forme <> '{}'"


def main() -> None:
    """Do what is asked."""
    action, settings = sys.argv[1], json.loads(Path(sys.argv[2]).read_text(encoding="utf-8"))
    pid_file = Path(settings["run"]) / "pid"
    if action == "serve":
        serve(settings)
    elif action == "start":
        command = [sys.executable, __file__, "serve", sys.argv[2]]
        log = (Path(settings["run"]) / "log").open("ab")
        process = subprocess.Popen(command, start_new_session=True, stdout=log, stderr=log, cwd="/")
        pid_file.write_text(str(process.pid), encoding="ascii")
    elif action == "status":
        sys.exit(0 if runs(pid_file) else 3)
    else:
        while number := runs(pid_file):
            os.kill(number, signal.SIGTERM)
            time.sleep(0.05)


def runs(pid_file: Path) -> int:
    """The daemon's number; 0 where it does not run."""
    try:
        number = int(pid_file.read_text(encoding="ascii"))
        alive = b"portal_program" in Path(f"/proc/{number}/cmdline").read_bytes()
    except (OSError, ValueError):
        return 0
    return number if alive else 0


def serve(settings: dict[str, str]) -> None:
    """Answer until SIGTERM."""
    version = (HERE / "VERSION").read_text(encoding="ascii").strip()

    known: list[tuple[float, bool, str]] = []

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if not known or time.monotonic() > known[-1][0] + LOOK_SECONDS:
                known[:] = [self.look()]
            _, well, said = known[-1]
            self.send_response(200 if well else 500)
            self.end_headers()
            self.wfile.write(json.dumps({"version": version, "said": said}).encode())

        def look(self) -> tuple[float, bool, str]:
            env = {**os.environ, "PGPASSWORD": settings["password"]}
            command = ["psql", "-XAt", "--no-password", settings["url"], "-c", ASK.format(version)]
            done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
            well = done.returncode == 0 and done.stdout.strip() == "0"
            return time.monotonic(), well, done.stderr + done.stdout

        def log_message(self, *_: object) -> None:
            pass

    ThreadingHTTPServer(("127.0.0.1", int(settings["port"])), Answers).serve_forever()


if __name__ == "__main__":
    main()
