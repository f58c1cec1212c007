"""How guessing passwords is slowed without keeping out whoever knows theirs.

Failures are counted by where they come from: an address, or a browser that this account has signed in from before,
which has a count of its own (OWASP's « device cookies »). Whoever guesses, elsewhere or from the very address of the
administrator, then slows everybody down but the administrator's usual browser.
"""

import hashlib
import hmac
import re
from collections.abc import Sequence
from datetime import datetime, timedelta

WINDOW = timedelta(minutes=15)

FROM_ONE = 10
"""Fewer than this many tries fail in any window, from one address or one known browser."""

FROM_ALL = 100
"""Fewer than this many tries for one account fail in any window, from all addresses together."""

BROWSER_PREFIX = "navigateur:"
"""Begins what a known browser is counted as; no address begins so."""

TOKENS_KEPT = 5
"""How many accounts' tokens one browser keeps."""

BROWSER_KNOWN_FOR = timedelta(days=365)

_TOKEN = re.compile(r"[0-9a-f]{32}\.[0-9a-f]{64}")


def wait(failures: Sequence[datetime], most: int, now: datetime) -> timedelta:
    """How long before the next try, so that fewer than `most` of them fall in any window; `failures` in their order."""
    recent = [instant for instant in failures if now - instant < WINDOW]
    if len(recent) < most - 1:
        return timedelta(0)
    return recent[1 - most] + WINDOW - now


def browser_token(username: str, password_hash: str, browser: str) -> str:
    """What a browser keeps to be known again: `browser`, 32 random hexadecimal digits, and a proof of it.

    The proof takes the account's password hash for its key, which is secret and changes with the password: a stolen
    token then no longer counts.
    """
    key = hashlib.sha256(f"navigateur connu\0{password_hash}".encode()).digest()
    proof = hmac.new(key, f"{browser}\0{username}".encode(errors="surrogatepass"), hashlib.sha256).hexdigest()
    return f"{browser}.{proof}"


def known_browser(cookie: str, username: str, password_hash: str) -> str | None:
    """Which browser the tokens in `cookie` prove to be known for that account; None where none does."""
    for token in cookie.split("~")[:TOKENS_KEPT]:
        if _TOKEN.fullmatch(token):
            browser = token.partition(".")[0]
            if hmac.compare_digest(token, browser_token(username, password_hash, browser)):
                return browser
    return None


def with_token(cookie: str, token: str) -> str:
    """The cookie with that token, among the newest that are kept."""
    others = [old for old in cookie.split("~") if _TOKEN.fullmatch(old) and old != token]
    return "~".join([token, *others[: TOKENS_KEPT - 1]])
