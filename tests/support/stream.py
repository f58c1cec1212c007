"""A follower of an update's Server-Sent Events."""

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import requests

from tests.support.demo import UPDATE_SECONDS, Client


@dataclass(frozen=True)
class Received:
    """One event, and how many seconds after it happened it came."""

    number: int
    kind: str
    delay: float


class Stream(threading.Thread):
    """A follower who comes back where the stream was cut, as a browser does."""

    def __init__(self, client: Client, update_id: int) -> None:
        super().__init__(daemon=True)
        self._client = client
        self._address = f"{client.base}/api/updates/{update_id}/events"
        self.events: list[Received] = []
        self.connections = 0
        self.start()

    def run(self) -> None:
        """Follow until `end`."""
        deadline = time.monotonic() + UPDATE_SECONDS
        while not (self.events and self.events[-1].kind == "end") and time.monotonic() < deadline:
            last = str(self.events[-1].number) if self.events else "0"
            headers = {"Accept": "text/event-stream", "Last-Event-ID": last}
            try:
                with self._client.http.get(self._address, headers=headers, stream=True, timeout=30) as answer:
                    if answer.status_code == 200:
                        self.connections += 1
                        self.events.extend(parse(answer.iter_lines(chunk_size=1)))
            except requests.RequestException:  # cut: the web process was killed
                time.sleep(0.2)


def parse(lines: Iterator[bytes]) -> Iterator[Received]:
    """Each whole event."""
    number, kind, delay = 0, "", 0.0
    for line in lines:
        name, _, value = line.decode().partition(": ")
        if name == "id":
            number = int(value)
        elif name == "event":
            kind = value
        elif name == "data":
            happened = datetime.fromisoformat(json.loads(value)["at"])
            delay = (datetime.now(UTC) - happened).total_seconds()
        elif not line and kind:
            yield Received(number, kind, delay)
            kind = ""
