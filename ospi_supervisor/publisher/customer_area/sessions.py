"""Sessions and throttling of the customer area, kept in the memory of its one process.

A sign-out ends the session on the server, wherever its cookie was copied; a restart asks everybody to sign in again.
"""

import hashlib
import secrets
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from threading import Lock

from ospi_supervisor.domain.sign_in import BROWSER_PREFIX, FROM_ALL, FROM_ONE, WINDOW, wait
from ospi_supervisor.errors import ThrottledError
from ospi_supervisor.publisher.customer_area.customers import Customer, Customers
from ospi_supervisor.system.turns import Turns

LIFETIME = timedelta(hours=8)
"""How long a session lives without being used."""


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


class Proven:
    """Names and passwords that were right: a server that fetches by ranges gives them with each request, and a password
    is slow to prove. A password's change is seen at once: each entry knows the hash that it was proven against."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}
        self._salt = secrets.token_bytes(32)

    def find(self, customers: Customers, name: str, password: str) -> Customer | None:
        """The customer whose name and password were proven before; None where they are to be proven."""
        customer = customers.all().get(name)
        return customer if customer and self._known.get(self._key(name, password)) == customer.password else None

    def note(self, name: str, password: str, customer: Customer) -> None:
        """They were right."""
        self._known[self._key(name, password)] = customer.password

    def _key(self, name: str, password: str) -> str:
        return hashlib.blake2b(f"{name}\0{password}".encode(), key=self._salt).hexdigest()


class Throttle:
    """Counts failed sign-ins by where they came from and by customer, as `domain.sign_in` says."""

    def __init__(self) -> None:
        self._failures: deque[tuple[datetime, str, str]] = deque()
        self._turns = Turns()

    @contextmanager
    def attempt(self, name: str, origin: str, now: datetime) -> Iterator[Callable[[], None]]:
        """Have the block try a password for that customer, from an address or a known browser; it calls what it is
        given where the password is wrong. ThrottledError where it is to wait."""
        is_known = origin.startswith(BROWSER_PREFIX)
        self._refuse(name, origin, now)
        with self._turns.wait(is_known=is_known):
            self._refuse(name, origin, now)  # others failed while it waited
            yield lambda: self._failures.append((now, name, origin))

    def _refuse(self, name: str, origin: str, now: datetime) -> None:
        while self._failures and now - self._failures[0][0] >= WINDOW:
            self._failures.popleft()
        failures = list(self._failures)
        left = wait([at for at, _, place in failures if place == origin], FROM_ONE, now)
        if not origin.startswith(BROWSER_PREFIX):
            unknown = [at for at, who, place in failures if who == name and not place.startswith(BROWSER_PREFIX)]
            left = max(left, wait(unknown, FROM_ALL, now))
        if left:
            raise ThrottledError("trop d'essais infructueux", left)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
