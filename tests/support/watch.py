"""Somebody who looks at the platform all the time, as its users do."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import urllib3

INTERVAL_SECONDS = 0.01


@contextmanager
def watching(url: str) -> Iterator[list[str]]:
    """What a user sees who asks a hundred times a second: « 11.5.0 », « page », « 11.6.0 », or what else came.

    One connection is kept as long as the server keeps it, as browsers do; what is late is made up for.
    """
    seen: list[str] = []
    stop = threading.Event()

    def watch() -> None:
        with urllib3.PoolManager(retries=False, timeout=10) as http:
            due = time.monotonic()
            while not stop.wait(max(0.0, due - time.monotonic())):
                due += INTERVAL_SECONDS
                seen.append(look(http, f"{url}/health"))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join(30)


def look(http: urllib3.PoolManager, address: str) -> str:
    """What the health address shows now."""
    try:
        answer = http.request("GET", address)
    except urllib3.exceptions.HTTPError as error:
        return repr(error)
    if answer.status == 200:
        return str(json.loads(answer.data)["version"])
    if answer.status == 503 and answer.headers.get("X-OSPI-Maintenance") == "1" and "Retry-After" in answer.headers:
        return "page"
    return f"{answer.status} {answer.data[:80]!r}"


def without_repeats(seen: list[str]) -> list[str]:
    """The sequence of what changed."""
    return [one for position, one in enumerate(seen) if position == 0 or seen[position - 1] != one]
