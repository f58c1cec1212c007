"""How long the next try waits, and by what a browser is known again."""

from datetime import UTC, datetime, timedelta

from ospi_supervisor.domain.sign_in import TOKENS_KEPT, WINDOW, browser_token, known_browser, wait, with_token

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
BROWSER = "0123456789abcdef" * 2


def test_the_try_that_would_be_one_too_many_waits_for_the_first_to_be_old() -> None:
    failures = [NOW - timedelta(minutes=minutes) for minutes in (20, 14, 10, 2)]
    assert wait(failures, 5, NOW) == timedelta(0)
    assert wait(failures, 4, NOW) == timedelta(minutes=1)
    assert wait(failures, 3, NOW) == timedelta(minutes=5)
    assert wait([NOW - WINDOW], 2, NOW) == timedelta(0)


def test_a_browser_is_known_by_its_account_and_password_only() -> None:
    cookie = with_token("", browser_token("alice", "hash", BROWSER))
    assert known_browser(cookie, "alice", "hash") == BROWSER
    assert known_browser(cookie, "bob", "hash") is None
    assert known_browser(cookie, "alice", "another hash") is None
    assert known_browser("not a token~" + cookie, "alice", "hash") == BROWSER
    assert known_browser("", "alice", "hash") is None


def test_a_cookie_keeps_the_newest_tokens_each_once() -> None:
    tokens = [browser_token(f"user{number}", "hash", BROWSER) for number in range(TOKENS_KEPT + 1)]
    cookie = ""
    for token in [*tokens, tokens[-1]]:
        cookie = with_token(cookie, token)
    assert cookie.split("~") == tokens[:0:-1]
