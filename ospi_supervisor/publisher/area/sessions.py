"""Sessions and throttling of the customer area, kept in the memory of its one process.

A sign-out ends the session on the server, wherever its cookie was copied; a restart asks everybody to sign in again.
"""

import hashlib
import secrets
from collections import defaultdict, deque
from datetime import datetime, timedelta
from threading import Lock

LIFETIME = timedelta(hours=8)
"""How long a session lives without being used."""

WINDOW = timedelta(minutes=15)
FAILURES_PER_CUSTOMER = 10
FAILURES_PER_ADDRESS = 30


class Sessions:
    """Who is signed in. A password's change ends the customer's sessions: each knows the hash it began with."""

    def __init__(self) -> None:
        self._sessions: dict[str, tuple[str, str, datetime]] = {}
        self._lock = Lock()

    def begin(self, name: str, password_hash: str, now: datetime) -> str:
        """A new session; returns the token, which only the browser keeps."""
        token = secrets.token_urlsafe(32)
        with self._lock:
            living = {key: row for key, row in self._sessions.items() if now - row[2] < LIFETIME}
            self._sessions = living | {_digest(token): (name, password_hash, now)}
        return token

    def find(self, token: str, now: datetime) -> tuple[str, str] | None:
        """Name and password hash of a living session, which goes on living; None for any other token."""
        key = _digest(token)
        with self._lock:
            row = self._sessions.get(key)
            if row is None or now - row[2] >= LIFETIME:
                return None
            self._sessions[key] = (row[0], row[1], now)
        return row[0], row[1]

    def end(self, token: str) -> None:
        """Sign out."""
        with self._lock:
            self._sessions.pop(_digest(token), None)


class Throttle:
    """Counts failed sign-ins by customer and by address, within the last quarter of an hour."""

    def __init__(self) -> None:
        self._failures: defaultdict[tuple[str, str], deque[datetime]] = defaultdict(deque)
        self._lock = Lock()

    def is_blocked(self, name: str, address: str, now: datetime) -> bool:
        """Whether too many attempts failed for this customer or from this address."""
        with self._lock:
            self._forget(now)
            by_name = len(self._failures.get(("customer", name), ()))
            by_address = len(self._failures.get(("address", address), ()))
        return by_name >= FAILURES_PER_CUSTOMER or by_address >= FAILURES_PER_ADDRESS

    def failed(self, name: str, address: str, now: datetime) -> None:
        """One more failure."""
        with self._lock:
            self._failures["customer", name].append(now)
            self._failures["address", address].append(now)

    def _forget(self, now: datetime) -> None:
        for key, times in list(self._failures.items()):
            while times and now - times[0] >= WINDOW:
                times.popleft()
            if not times:
                del self._failures[key]


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
