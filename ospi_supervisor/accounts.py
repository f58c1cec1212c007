"""Who may sign in, and how: passwords, throttling and sessions, for the pages and the command line alike."""

import hashlib
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from threading import Lock

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from ospi_supervisor.errors import RefusedError
from ospi_supervisor.store.web_rows import AccountRow, SessionRow
from ospi_supervisor.store.web_store import WebStore

SESSION_LIFETIME = timedelta(hours=12)
"""How long a session lives without being used: longer than an update lasts, so that Suivi is never cut."""

RECENT_SIGN_IN = timedelta(minutes=15)
"""How old a sign-in may be when an update is started; beyond, the password is asked for again in place."""

THROTTLE_WINDOW = timedelta(minutes=15)
THROTTLED = f"trop de tentatives ; réessayez dans {int(THROTTLE_WINDOW.total_seconds() // 60)} minutes"
FAILURES_PER_ACCOUNT = 10
FAILURES_PER_ADDRESS = 30
PASSWORD_MIN_LENGTH = 8
USERNAME_MAX_LENGTH = 150
"""Whoever signs in may write anything there, and failures are recorded: they must stay small."""

_WAIT_FOR_TURN_SECONDS = 20


@dataclass(frozen=True)
class SignedIn:
    """What the browser keeps: the token is nowhere else (the database has its hash)."""

    token: str
    account: AccountRow


class Accounts:
    """Accounts over `web.db`."""

    def __init__(self, store: WebStore) -> None:
        self._store = store
        # OWASP's third choice of parameters for Argon2id: 12 MiB, three passes, one lane. One hash at a time:
        # otherwise a burst of sign-ins would bring a small server down.
        self._hasher = PasswordHasher(memory_cost=12 * 1024, time_cost=3, parallelism=1)
        self._turn = Lock()

    def add(self, username: str, password: str, groups: tuple[str, ...], now: datetime) -> None:
        """A new account; RefusedError where the name is taken, empty or too long, or the password too short."""
        if not username.strip():
            raise RefusedError("le nom du compte est vide ; donnez-en un")
        _check_length(username)
        self._store.add_account(username, self._hash(password), groups, now)

    def set_password(self, username: str, password: str) -> None:
        """Another password, which ends the account's sessions; RefusedError as for `add`."""
        self._store.set_password(username, self._hash(password))

    def remove(self, username: str) -> None:
        """Remove an account and its sessions; RefusedError where there is none."""
        self._store.remove_account(username)

    def all(self) -> list[AccountRow]:
        """Every account, by name."""
        return self._store.accounts()

    def sign_in(self, username: str, password: str, address: str, now: datetime) -> SignedIn:
        """A new session for whoever gives the right password. RefusedError `throttled` after too many failures,
        `name_too_long` for what cannot be a name, `credentials` otherwise; whether an account exists is not told,
        by words or by time taken. The failure after which `throttled` begins says so: a record of failures that
        leaves out the throttled ones is bounded, and tells all the same."""
        _check_length(username)
        since = now - THROTTLE_WINDOW
        self._store.forget_before(now - SESSION_LIFETIME, since)
        self._refuse_throttled(username, address, since)
        with self._its_turn():
            self._refuse_throttled(username, address, since)  # others failed while it waited
            verified = self._verified_hash(username, password)
            if verified is None:
                self._store.record_failure(username, address, now)
                more = f" ; {THROTTLED}" if self._is_throttled(username, address, since) else ""
                raise RefusedError(f"identifiant ou mot de passe incorrect{more}", code="credentials")
        token = secrets.token_urlsafe(32)
        self._store.open_session(username, verified, _sha256(token), address, now)
        session = self.session(token, now)
        if session is None:
            raise RefusedError("ce compte vient d'être supprimé", code="credentials")
        return SignedIn(token, session.account)

    def session(self, token: str, now: datetime) -> SessionRow | None:
        """The living session of that token; using it keeps it alive."""
        key = _sha256(token)
        row = self._store.session(key)
        if row is None or now - row.seen_at > SESSION_LIFETIME:
            return None
        if now - row.seen_at > timedelta(minutes=1):  # not at each request: that is a write
            self._store.touch_session(key, now)
        return row

    def sign_out(self, token: str) -> None:
        """End the session, wherever its cookie was copied to."""
        self._store.close_session(_sha256(token))

    @cached_property
    def _decoy(self) -> str:
        """What a password is held against where there is no such account: that takes as long."""
        return self._hasher.hash(secrets.token_hex(16))

    def _hash(self, password: str) -> str:
        if len(password) < PASSWORD_MIN_LENGTH:
            raise RefusedError(f"mot de passe trop court ; il en faut au moins {PASSWORD_MIN_LENGTH} caractères")
        return self._hasher.hash(password)

    def _refuse_throttled(self, username: str, address: str, since: datetime) -> None:
        if self._is_throttled(username, address, since):
            raise RefusedError(THROTTLED, code="throttled")

    def _is_throttled(self, username: str, address: str, since: datetime) -> bool:
        by_account, by_address = self._store.failures(username, address, since)
        return by_account >= FAILURES_PER_ACCOUNT or by_address >= FAILURES_PER_ADDRESS

    @contextmanager
    def _its_turn(self) -> Iterator[None]:
        """One sign-in at a time: the failures that are counted are all that there are."""
        if not self._turn.acquire(timeout=_WAIT_FOR_TURN_SECONDS):
            raise RefusedError("trop de connexions en même temps ; réessayez dans un instant", code="throttled")
        try:
            yield
        finally:
            self._turn.release()

    def _verified_hash(self, username: str, password: str) -> str | None:
        """The hash that the password was held against, where it is the right one; else None."""
        known = self._store.password_hash(username)
        try:
            self._hasher.verify(known or self._decoy, password)
        except (VerificationError, InvalidHashError):
            return None
        return known


def is_recent(session: SessionRow, now: datetime) -> bool:
    """Whether the password was given recently enough to start an update."""
    return now - session.created_at <= RECENT_SIGN_IN


def _check_length(username: str) -> None:
    if len(username) > USERNAME_MAX_LENGTH:
        raise RefusedError(
            f"identifiant trop long ({USERNAME_MAX_LENGTH} caractères au plus) ; vérifiez-le", code="name_too_long"
        )


def _sha256(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
