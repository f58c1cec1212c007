"""The small platform under test: `application.py start|serve SETTINGS` (`service.sh` has the other commands).

A daemon over HTTP, of the standard library alone. `POST /entries/N` adds entry N to SQLite, to PostgreSQL and as a
file, and answers only once all three are durable. It is unwell where an entry has not the form of its own version,
as an application is on a database that was half migrated. The file `moods.json` makes a version misbehave.
"""

import contextlib
import hashlib
import http.client
import itertools
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

START_SECONDS = 50.0
BOOT_SECONDS = 12.0
STEP = 0.02


def entry_text(number: int, form: str) -> str:
    """What the file of an entry holds."""
    return f"[{form}] {number} {hashlib.sha256(str(number).encode()).hexdigest()}\n"


class Store:
    """The entries, in their three places."""

    def __init__(self, settings: dict[str, Any], version: str) -> None:
        self._settings = settings
        self._version = version
        self._lock = threading.Lock()
        self._psql: subprocess.Popen[str] | None = None
        self._sqlite = sqlite3.connect(settings["sqlite"], isolation_level=None, check_same_thread=False)
        self._sqlite.execute("PRAGMA journal_mode = WAL")
        self._sqlite.execute("PRAGMA synchronous = FULL")

    def unmigrated(self) -> int:
        """How many entries have another version's form."""
        (rows,) = self._sqlite.execute("SELECT count(*) FROM entry WHERE form <> ?", [self._version]).fetchone()
        answer = self._ask(f"SELECT count(*) FROM entry WHERE form <> '{self._version}';")  # noqa: S608 - a constant
        mark = f"[{self._version}]"
        files = [path for path in self._files.iterdir() if not path.read_text().startswith(mark)]
        return int(rows) + int(answer) + len(files)

    def add(self, number: int) -> None:
        """One more entry, durable when this returns."""
        with self._lock:
            self._sqlite.execute("INSERT INTO entry VALUES (?, ?)", [number, self._version])
            self._ask(f"INSERT INTO entry VALUES ({number}, '{self._version}');")  # noqa: S608 - a number
            with (self._files / str(number)).open("w") as file:
                file.write(entry_text(number, self._version))
                file.flush()
                os.fsync(file.fileno())
            folder = os.open(self._files, os.O_RDONLY)
            os.fsync(folder)
            os.close(folder)

    @property
    def _files(self) -> Path:
        return Path(self._settings["data"], "files")

    def _ask(self, sql: str) -> str:
        """What PostgreSQL answers, by one psql that is kept; ConnectionError where it does not."""
        if self._psql is None or self._psql.poll() is not None:
            self._psql = subprocess.Popen(
                ["psql", "-XqAtw", "-v", "ON_ERROR_STOP=1", "-d", self._settings["postgres"]],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "PGPASSWORD": self._settings["password"], "PGCONNECT_TIMEOUT": "3"},
                text=True,
            )
        assert self._psql.stdin
        assert self._psql.stdout
        lines: list[str] = []
        with contextlib.suppress(BrokenPipeError):
            self._psql.stdin.write(f"{sql}\n\\echo end\n")
            self._psql.stdin.flush()
            for line in self._psql.stdout:
                if line == "end\n":
                    return "".join(lines).strip()
                lines.append(line)
        raise ConnectionError("PostgreSQL does not answer")


class Handler(BaseHTTPRequestHandler):
    """What the platform answers."""

    store: Store
    version: str
    mood: dict[str, str]
    began: float
    ill = False

    def do_GET(self) -> None:
        """Health, or a page."""
        health = self.mood.get("health", "")
        if health == "booting" and time.monotonic() - self.began < BOOT_SECONDS:
            self._answer(500, {"error": "starting"})
            return
        if self.path.split("?")[0] == "/health" and (
            self.ill or health == "never" or (health == "late" and time.monotonic() - self.began < 2)
        ):
            self._answer(500, {"error": "unwell"})
            return
        told = health.removeprefix("version:") if health.startswith("version:") else self.version
        self._answer(200, {"version": told})

    def do_POST(self) -> None:
        """One more entry."""
        try:
            self.store.add(int(self.path.rsplit("/", 1)[1]))
        except (OSError, sqlite3.Error) as error:
            self._answer(500, {"error": str(error)})
            return
        self._answer(200, {"version": self.version})

    def _answer(self, status: int, document: dict[str, str]) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Silent."""


def serve(settings: dict[str, Any]) -> None:
    """Be the daemon, from the release that `current` names."""
    version = Path("VERSION").read_text().strip()
    mood = moods(settings).get(version, {})
    if mood.get("stop") == "ignore":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    Handler.store, Handler.version, Handler.mood = Store(settings, version), version, mood
    Handler.ill = Handler.store.unmigrated() > 0
    Handler.began = time.monotonic()
    server = ThreadingHTTPServer(("127.0.0.1", settings["port"]), Handler)
    if mood.get("start") == "die":
        threading.Timer(0.1, os._exit, [1]).start()
    log = Path(settings["data"], "access.log")
    threading.Thread(target=append_for_ever, args=[log], daemon=True).start()
    server.serve_forever(poll_interval=0.02)


def append_for_ever(path: Path) -> None:
    """A file that changes all the time, as a log does: backups must cope with it while they read."""
    with path.open("a") as log:
        for number in itertools.count():
            log.write(f"accès {number}\n")
            log.flush()
            time.sleep(0.05)


def moods(settings: dict[str, Any]) -> dict[str, dict[str, str]]:
    """How each version misbehaves: `start` (refuse, die), `stop` (ignore), `health` (never, late, booting or
    version:V)."""
    path = Path(settings["moods"])
    if not Path("/sys/kernel").exists():  # in a twin: the campaign's faults are those that no rehearsal sees
        return {}
    found: dict[str, dict[str, str]] = json.loads(path.read_text()) if path.exists() else {}
    return found


def start(settings: dict[str, Any]) -> None:
    """Start the daemon and wait until it answers."""
    if running(settings):
        return
    release = Path(settings["current"]).resolve()
    if moods(settings).get(release.name, {}).get("start") == "refuse":
        sys.exit("le service refuse de démarrer")
    with Path(settings["log"]).open("ab") as log:
        daemon = subprocess.Popen(
            [sys.executable, "-B", __file__, "serve", sys.argv[2]],
            cwd=release,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=lambda: write_pid(settings),
        )
    deadline = time.monotonic() + START_SECONDS
    while not answers(settings):
        if daemon.poll() is not None:
            sys.exit("le service s'est arrêté")
        if time.monotonic() > deadline:
            sys.exit("le service ne répond pas")
        time.sleep(STEP)


def running(settings: dict[str, Any]) -> bool:
    """Whether the daemon lives."""
    try:
        pid, began = Path(settings["pid"]).read_text().split()
        return start_of(int(pid)) == began
    except (FileNotFoundError, ProcessLookupError, ValueError):
        return False


def write_pid(settings: dict[str, Any]) -> None:
    """By the daemon itself: the command that starts it may be killed at any instant."""
    temporary = Path(settings["pid"] + ".new")
    temporary.write_text(f"{os.getpid()} {start_of(os.getpid())}\n")
    temporary.replace(settings["pid"])


def start_of(pid: int) -> str:
    """When a process began, in ticks since boot; FileNotFoundError once it has ended."""
    state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    if state in "ZX":
        raise FileNotFoundError(pid)
    return fields[18]


def answers(settings: dict[str, Any]) -> bool:
    """Whether the daemon's port answers."""
    connection = http.client.HTTPConnection("127.0.0.1", settings["port"], timeout=3)
    try:
        connection.request("GET", "/")
        connection.getresponse().read()
    except OSError:
        return False
    finally:
        connection.close()
    return True


def main(action: str, path: str) -> None:
    settings = json.loads(Path(path).read_text())
    {"serve": serve, "start": start}[action](settings)


if __name__ == "__main__":
    main(*sys.argv[1:])
