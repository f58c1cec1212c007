"""What a user does: sign in, upload by tus, press « Importer »; and a client that keeps asking the platform."""

import http.client
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import requests

FIRST_SLICE = 1 << 20
SLICE = 4 << 20
USER, PASSWORD = "mesure", "un mot de passe de mesure"
REQUESTS_PER_SECOND = 100


class Administrator:
    """A signed-in administrator, as a browser would be."""

    def __init__(self, base: str) -> None:
        self._base = base
        self._session = requests.Session()
        self._session.headers["Accept"] = "application/json"
        token = self._session.get(f"{base}/connexion").json()["csrf_token"]
        form = {"username": USER, "password": PASSWORD, "csrf_token": token}
        answer = self._session.post(f"{base}/connexion", data=form)
        answer.raise_for_status()
        self._session.headers["X-CSRFToken"] = answer.json()["csrf_token"]

    def upload(self, archive: Path) -> str:
        """Send a file in slices, as our page's script does; the address of the upload."""
        size = archive.stat().st_size
        tus = {"Tus-Resumable": "1.0.0", "Upload-Length": str(size)}
        created = self._session.post(f"{self._base}/mises-a-jour/televersements", headers=tus)
        created.raise_for_status()
        location = str(created.headers["Location"])
        offset = 0
        with archive.open("rb") as file:
            while data := file.read(SLICE if offset else FIRST_SLICE):
                self._patch(location, offset, data)
                offset += len(data)
        return location

    def install(self, location: str) -> None:
        """Press « Importer », the notice being read."""
        address = requests.compat.urljoin(self._base, location)
        self._session.post(f"{address}/importer", data={"notice_read": "1"}).raise_for_status()

    def _patch(self, location: str, offset: int, data: bytes) -> None:
        headers = {
            "Tus-Resumable": "1.0.0",
            "Upload-Offset": str(offset),
            "Content-Type": "application/offset+octet-stream",
        }
        self._session.patch(requests.compat.urljoin(self._base, location), data, headers=headers).raise_for_status()


@dataclass
class Watch:
    """What a client saw: when each answer came (monotonic seconds) and which version it named, None for the page."""

    answers: list[tuple[float, str | None]] = field(default_factory=list)

    def downtime(self) -> float:
        """Seconds between the last answer of one version and the first of the other."""
        versions = [(at, version) for at, version in self.answers if version]
        first, last = versions[0][1], versions[-1][1]
        until = max(at for at, version in versions if version == first)
        return min(at for at, version in versions if version == last and at > until) - until

    def outage(self) -> float:
        """The longest time between two answers of the platform, in seconds."""
        times = [at for at, version in self.answers if version]
        return max(later - earlier for earlier, later in pairwise(times))


@contextmanager
def watching(host: str, port: int) -> Iterator[Watch]:
    """Ask the platform 100 times a second while the block runs."""
    watch, over = Watch(), threading.Event()

    def ask() -> None:
        begun = time.monotonic()
        for number in range(1 << 40):
            if over.wait(max(0.0, begun + number / REQUESTS_PER_SECOND - time.monotonic())):
                return
            watch.answers.append((time.monotonic(), _version(host, port)))

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield watch
    finally:
        over.set()
        thread.join()


def _version(host: str, port: int) -> str | None:
    connection = http.client.HTTPConnection(host, port, timeout=10)
    try:
        connection.request("GET", "/")
        answer = connection.getresponse()
        return answer.read().decode() if answer.status == 200 else None
    except OSError:
        return None
    finally:
        connection.close()
