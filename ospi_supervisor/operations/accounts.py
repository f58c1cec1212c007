"""Who may sign in, and how: passwords, throttling and sessions, for the pages and the command line alike."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from ospi_supervisor.domain.command_line import command_line
from ospi_supervisor.domain.sign_in import (
    BROWSER_PREFIX,
    FROM_ALL,
    FROM_ONE,
    WINDOW,
    browser_token,
    known_browser,
    wait,
)
from ospi_supervisor.errors import RefusedError, ThrottledError
from ospi_supervisor.store.web_rows import AccountRow, SessionRow
from ospi_supervisor.store.web_store import WebStore
from ospi_supervisor.system.passwords import hash_password, is_password, is_weaker, must_be_replaced
from ospi_supervisor.system.turns import Turns

SESSION_LIFETIME = timedelta(hours=12)
"""How long a session lives without being used: longer than an update lasts, so that Suivi is never cut."""

RECENT_SIGN_IN = timedelta(minutes=15)
"""How old a sign-in may be when an update is started; beyond, the password is asked for again in place."""

RENEW = "si votre mot de passe date de la version 0.1.0, demandez à l'administrateur du serveur de le remplacer"
PASSWORD_MIN_LENGTH = 8
USERNAME_MAX_LENGTH = 150
"""Whoever signs in may write anything there, and failures are recorded: they must stay small."""

TOO_MANY = "trop de tentatives"


@dataclass(frozen=True)
class SignedIn:
    """What the browser keeps: the token is nowhere else (the database has its hash), and `browser` makes it known."""

    token: str
    account: AccountRow
    browser: str


@dataclass(frozen=True)
class Visitor:
    """Where a sign-in comes from: its address, and the tokens (`domain.sign_in`) of a browser that was there before."""

    address: str
    tokens: str = ""


class Accounts:
    """Accounts over `web.db`."""

    def __init__(self, store: WebStore) -> None:
        self._store = store
        self._turns = Turns()  # one hash at a time: otherwise a burst of sign-ins would bring a small server down

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

    def sign_in(self, username: str, password: str, visitor: Visitor, now: datetime) -> SignedIn:
        """A new session for whoever gives the right password. ThrottledError after too many failures,
        RefusedError `name_too_long` for what cannot be a name, `credentials` otherwise; whether an account exists is
        not told, by words or by time taken, nor whether its password is one that must be replaced: where there is any
        such, everybody is told what to do. The failure after which waiting begins says so: a record of failures that
        leaves out the throttled ones is bounded, and tells all the same."""
        _check_length(username)
        self._store.forget_before(now - SESSION_LIFETIME, now - WINDOW)
        known = known_browser(visitor.tokens, username, self._store.password_hash(username) or "")
        origin = visitor.address if known is None else BROWSER_PREFIX + known
        self._refuse_throttled(username, origin, now)
        with self._turns.wait(is_known=known is not None):
            self._refuse_throttled(username, origin, now)  # others failed while it waited
            verified = self._verified_hash(username, password)
            if verified is None:
                self._store.record_failure(username, origin, now)
                raise RefusedError(self._words_of_refusal(username, origin, now), code="credentials")
        token = secrets.token_urlsafe(32)
        self._store.open_session(username, verified, _sha256(token), visitor.address, now)
        if known is not None:
            self._store.forgive(origin)
        session = self.session(token, now)
        if session is None:
            raise RefusedError("ce compte vient d'être supprimé", code="credentials")
        return SignedIn(token, session.account, browser_token(username, verified, known or secrets.token_hex(16)))

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
        return hash_password(secrets.token_hex(16))

    def _hash(self, password: str) -> str:
        if len(password) < PASSWORD_MIN_LENGTH:
            raise RefusedError(f"mot de passe trop court ; il en faut au moins {PASSWORD_MIN_LENGTH} caractères")
        return hash_password(password)

    def _words_of_refusal(self, username: str, origin: str, now: datetime) -> str:
        words = "identifiant ou mot de passe incorrect"
        if any(account.must_renew for account in self.all()):
            words += f" ; {RENEW} ({command_line('user password')})"
        left = self._wait(username, origin, now)
        return f"{words} ; {ThrottledError(TOO_MANY, left)}" if left else words

    def _refuse_throttled(self, username: str, origin: str, now: datetime) -> None:
        if left := self._wait(username, origin, now):
            raise ThrottledError(TOO_MANY, left)

    def _wait(self, username: str, origin: str, now: datetime) -> timedelta:
        """How long before that account may be tried again from there."""
        from_there = wait(self._store.failures_from(origin, now - WINDOW), FROM_ONE, now)
        if origin.startswith(BROWSER_PREFIX):
            return from_there
        return max(from_there, wait(self._store.failures_for(username, now - WINDOW, BROWSER_PREFIX), FROM_ALL, now))

    def _verified_hash(self, username: str, password: str) -> str | None:
        """The hash that the password was held against, where it is the right one; else None."""
        known = self._store.password_hash(username)
        if known is None or must_be_replaced(known):
            is_password(password, self._decoy)
            return None
        if not is_password(password, known):
            return None
        return self._strengthened(username, password, known) if is_weaker(known) else known

    def _strengthened(self, username: str, password: str, known: str) -> str:
        """The hash with today's parameters, in the place of the one that `password` is proven to be of."""
        stronger = hash_password(password)
        return stronger if self._store.swap_password_hash(username, known, stronger) else known


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
