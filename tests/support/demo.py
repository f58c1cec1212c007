"""The demonstration as a subprocess, and a program's client of its supervisor."""

import hashlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import requests

from demo.layout import REPOSITORY, Layout
from tests.support.system import free_port

READY_SECONDS = 240.0
STOP_SECONDS = 180.0
UPDATE_SECONDS = 300.0
UNHURRIED_SECONDS = 0.4
"""Between looks for what takes its time: each question passes through three processes, which do the work too."""
FINAL = {"succeeded", "rolled_back", "refused", "failed", "cancelled", "intervention"}

Found = TypeVar("Found")


def wait_for(what: str, look: Callable[[], Found | None], seconds: float = 180.0, every: float = 0.05) -> Found:
    """What `look` finds (anything true) within `seconds`, looking `every` so many; AssertionError naming `what`
    otherwise."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"{what}: not within {seconds:g} s"
        time.sleep(every)
    return found


class Place(ABC):
    """A portal and its supervisor in a folder of the demonstration's layout, at a public port."""

    layout: Layout
    port: int

    @property
    def url(self) -> str:
        """The public address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    @abstractmethod
    def document(self) -> dict[str, Any]:
        """Accounts and archives, by the keys of `demo.json`."""

    def archive(self, name: str) -> Path:
        """A sample archive, by its name in the contract."""
        return Path(self.document["archives"][name])

    @property
    def program(self) -> list[str]:
        """`ospi-supervisor`."""
        return [str(Path(sys.executable).with_name("ospi-supervisor"))]

    def cli(
        self, *arguments: str, stdin: str = "", timeout: float = UPDATE_SECONDS
    ) -> subprocess.CompletedProcess[str]:
        """`ospi-supervisor` with these arguments."""
        return self.run([*self.program, "--config", str(self.layout.config), *arguments], stdin, timeout)

    def run(
        self, command: list[str], stdin: str = "", timeout: float = UPDATE_SECONDS
    ) -> subprocess.CompletedProcess[str]:
        """A command, to its end."""
        return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=timeout, check=False)

    def data(self) -> dict[str, str]:
        """Every datum of the portal: files by their hash, the database by all that it says."""
        found = {
            path.relative_to(self.layout.data).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in self.layout.data.rglob("*")
            if path.is_file() and not path.name.startswith("portail.db")
        }
        database = sqlite3.connect(self.layout.data / "portail.db")
        found["rows"] = hashlib.sha256("\n".join(database.iterdump()).encode()).hexdigest()
        found["schema"] = str(database.execute("PRAGMA user_version").fetchone()[0])
        database.close()
        return found

    def release_files(self, version: str) -> dict[str, str]:
        """Every file of an installed release, by its hash."""
        root = self.layout.platform / "releases" / version
        files = (path for path in root.rglob("*") if path.is_file())
        return {path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

    def portal_version(self) -> str | None:
        """The version that the portal's health address gives through the public address; None where it is not there."""
        try:
            answer = requests.get(f"{self.url}/health", timeout=10)
        except requests.ConnectionError:
            return None
        version: str | None = answer.json()["version"] if answer.status_code == 200 else None
        return version


class RunningDemo(Place):
    """`python -m demo` in a folder of its own, on a free port."""

    def __init__(self, folder: Path) -> None:
        self.layout = Layout(folder.resolve())
        self.port = free_port()
        self.output = folder.with_name(f"{folder.name}.output")
        self.start()

    def start(self) -> None:
        """Start it and wait until it says that it is ready."""
        before = self.output.stat().st_size if self.output.exists() else 0
        with self.output.open("ab") as output:
            self.process = self.spawn(output)

        def is_ready() -> bool:
            said = self.output.read_bytes()[before:].decode()
            assert self.process.poll() is None, said
            return "La démonstration est prête" in said

        try:
            wait_for("the demonstration's start", is_ready, READY_SECONDS)
        except AssertionError:
            self.stop()
            raise

    def spawn(self, output: Any) -> subprocess.Popen[bytes]:
        """The process of `python -m demo`, printing to `output`."""
        variables = {"OSPI_DEMO_DIR": str(self.layout.root), "OSPI_DEMO_PORT": str(self.port)}
        return subprocess.Popen(
            [sys.executable, "-m", "demo"],
            cwd=REPOSITORY,
            env={**os.environ, **variables},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End it by a signal; its exit status."""
        self.process.send_signal(number)
        return self.process.wait(STOP_SECONDS)

    @property
    def document(self) -> dict[str, Any]:
        """`demo.json`."""
        found: dict[str, Any] = json.loads(self.layout.document.read_text(encoding="utf-8"))
        return found

    def kill(self, name: str) -> None:
        """SIGKILL the web process or the worker, and wait until the demonstration has started another."""
        pid = self.document["pids"][name]
        os.kill(pid, signal.SIGKILL)
        wait_for(f"another {name}", lambda: self.document["pids"][name] not in (pid, None))


class Client:
    """A program signed in to the supervisor."""

    def __init__(self, demo: Place, who: str = "admin") -> None:
        self.base = f"{demo.url}/superviseur"
        self.http = requests.Session()
        self.http.headers["Accept"] = "application/json"
        self._token(self.http.get(f"{self.base}/connexion", timeout=30))
        self._token(self.http.post(f"{self.base}/connexion", data=demo.document[who], timeout=30))

    def _token(self, answer: requests.Response) -> None:
        assert answer.status_code == 200, answer.text
        self.http.headers["X-CSRFToken"] = answer.json()["csrf_token"]

    def get(self, path: str) -> Any:
        """A JSON document."""
        answer = self.http.get(f"{self.base}/{path}", timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def upload(self, archive: Path, slices: tuple[int, ...] = (1 << 20, 8 << 20)) -> tuple[str, int, requests.Response]:
        """Send `archive` in slices, the last size repeated, until its end or a refusal.

        The upload's number, how many slices were sent, and the last answer.
        """
        data = archive.read_bytes()
        headers = {
            "Tus-Resumable": "1.0.0",
            "Upload-Length": str(len(data)),
            "Upload-Metadata": f"filename {b64encode(archive.name.encode()).decode()}",
        }
        answer = self.http.post(f"{self.base}/mises-a-jour/televersements", headers=headers, timeout=30)
        assert answer.status_code == 201, answer.text
        upload_id = answer.headers["Location"].rsplit("/", 1)[-1]
        offset, sent = 0, 0
        while offset < len(data) and answer.ok:
            size = slices[min(sent, len(slices) - 1)]
            headers = {
                "Tus-Resumable": "1.0.0",
                "Upload-Offset": str(offset),
                "Content-Type": "application/offset+octet-stream",
            }
            address = f"{self.base}/mises-a-jour/televersements/{upload_id}"
            answer = self.http.patch(address, data=data[offset : offset + size], headers=headers, timeout=60)
            offset, sent = offset + size, sent + 1
        return upload_id, sent, answer

    def start_import(self, upload_id: str) -> requests.Response:
        """« Importer »."""
        address = f"{self.base}/mises-a-jour/televersements/{upload_id}/importer"
        return self.http.post(address, data={"notice_read": "1"}, timeout=30)

    def wait_until_final(self, update_id: int) -> dict[str, Any]:
        """The update, once it has ended."""

        def ended() -> dict[str, Any] | None:
            try:
                update: dict[str, Any] = self.get(f"api/updates/{update_id}")
            except requests.ConnectionError:  # the web process was killed and is being started again
                return None
            return update if update["status"] in FINAL else None

        return wait_for(f"the end of update {update_id}", ended, UPDATE_SECONDS, UNHURRIED_SECONDS)

    def wait_for_phase(self, update_id: int, phase: str, status: str = "doing") -> None:
        """Return once `phase` has come to `status` (or is beyond)."""
        order = ["pending", "doing", "done"]

        def there() -> bool:
            phases = {row["name"]: row["status"] for row in self.get(f"api/updates/{update_id}")["phases"]}
            return order.index(phases[phase]) >= order.index(status)

        wait_for(f"phase {phase} {status}", there, UPDATE_SECONDS)


def begin_update(client: Client, archive: Path) -> int:
    """Start an update by the web; its number."""
    upload_id, _, _ = client.upload(archive)
    return begin_uploaded(client, upload_id)


def begin_uploaded(client: Client, upload_id: str) -> int:
    """Start the update of an archive that was sent; its number."""
    before = len(client.get("api/updates"))
    assert client.start_import(upload_id).status_code < 400

    def begun() -> int | None:
        updates = client.get("api/updates")
        return int(updates[0]["id"]) if len(updates) > before else None

    return wait_for("the update's beginning", begun)
