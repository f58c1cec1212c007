"""Passwords, throttling and sessions."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ospi_supervisor.domain.roles import ADMINISTRATION_SYSTEM
from ospi_supervisor.domain.sign_in import FROM_ALL, FROM_ONE, WINDOW, known_browser
from ospi_supervisor.errors import RefusedError, ThrottledError
from ospi_supervisor.operations.accounts import (
    RECENT_SIGN_IN,
    RENEW,
    SESSION_LIFETIME,
    USERNAME_MAX_LENGTH,
    Accounts,
    Visitor,
    is_recent,
)
from ospi_supervisor.store.web_models import Session
from ospi_supervisor.store.web_store import WebStore
from ospi_supervisor.system import passwords

START = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
PASSWORD = "correct cheval pile"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[WebStore]:
    store = WebStore(f"sqlite:///{tmp_path}/web.db")
    yield store
    store.close()


@pytest.fixture
def accounts(store: WebStore) -> Accounts:
    accounts = Accounts(store)
    accounts.add("alice", PASSWORD, (ADMINISTRATION_SYSTEM,), START)
    return accounts


ARGON2 = "$argon2id$v=19$m=12288,t=3,p=1$Yg6dIFwcDgPRnYyhD6h7Yw$O0Fq8cq7ZgTtG3eTzKcRZ1p8Y0V2wT1bYt3l0i3yKgE"
"""Of version 0.1.0's kind."""


def test_a_password_kept_with_other_parameters_is_hashed_anew_once_it_is_given(
    accounts: Accounts, store: WebStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = accounts.sign_in("alice", PASSWORD, Visitor("10.0.0.1"), START).token
    monkeypatch.setattr(passwords, "METHOD", "scrypt:1024:8:1")
    fail(accounts, "alice", "10.0.0.1")
    assert (store.password_hash("alice") or "").startswith("scrypt:512:8:1$")
    token = accounts.sign_in("alice", PASSWORD, Visitor("10.0.0.1"), START).token
    assert (store.password_hash("alice") or "").startswith("scrypt:1024:8:1$")
    assert accounts.session(token, START)
    assert accounts.session(other, START)
    assert accounts.sign_in("alice", PASSWORD, Visitor("10.0.0.1"), START)


def test_an_argon2_hash_is_told_to_its_administrator_and_to_nobody_else(accounts: Accounts, store: WebStore) -> None:
    def words(username: str) -> str:
        with pytest.raises(RefusedError) as refusal:
            accounts.sign_in(username, PASSWORD + "!", Visitor(f"10.0.0.{username}"), START)
        assert refusal.value.code == "credentials"
        return str(refusal.value)

    assert RENEW not in words("alice")
    store.add_account("bob", ARGON2, (), START)
    assert {account.username: account.must_renew for account in accounts.all()} == {"alice": False, "bob": True}
    advised = f"identifiant ou mot de passe incorrect ; {RENEW} (ospi-supervisor user password)"
    assert words("alice") == words("bob") == words("nobody") == advised
    with pytest.raises(RefusedError):
        accounts.sign_in("bob", ARGON2, Visitor("10.0.0.1"), START)
    accounts.set_password("bob", PASSWORD)
    assert accounts.sign_in("bob", PASSWORD, Visitor("10.0.0.1"), START)
    assert RENEW not in words("alice")


def test_a_session_knows_whose_it_is(accounts: Accounts) -> None:
    signed_in = accounts.sign_in("alice", PASSWORD, Visitor("10.0.0.1"), START)
    session = accounts.session(signed_in.token, START)
    assert session is not None
    assert (session.account.username, session.account.is_administrator) == ("alice", True)
    assert session.account.last_sign_in_at == START


def test_the_token_itself_is_not_in_the_database(accounts: Accounts, tmp_path: Path) -> None:
    token = accounts.sign_in("alice", PASSWORD, Visitor("10.0.0.1"), START).token
    written = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert token.encode() not in written


def test_using_a_session_keeps_it_alive_and_leaving_it_ends_it(accounts: Accounts) -> None:
    token = accounts.sign_in("alice", PASSWORD, Visitor("10.0.0.1"), START).token
    later = START + SESSION_LIFETIME - timedelta(minutes=1)
    assert accounts.session(token, later)
    assert accounts.session(token, later + SESSION_LIFETIME - timedelta(minutes=1))
    assert accounts.session(token, later + 3 * SESSION_LIFETIME) is None


def test_signing_out_ends_one_session(accounts: Accounts) -> None:
    one, other = (accounts.sign_in("alice", PASSWORD, Visitor("10.0.0.1"), START).token for _ in range(2))
    accounts.sign_out(one)
    assert accounts.session(one, START) is None
    assert accounts.session(other, START)


@pytest.mark.parametrize("change", ["password", "removal"])
def test_another_password_or_removal_ends_all_sessions(accounts: Accounts, change: str) -> None:
    token = accounts.sign_in("alice", PASSWORD, Visitor("10.0.0.1"), START).token
    if change == "password":
        accounts.set_password("alice", "un tout autre")
    else:
        accounts.add("bob", PASSWORD, (ADMINISTRATION_SYSTEM,), START)
        accounts.remove("alice")
    assert accounts.session(token, START) is None


def test_the_former_password_opens_nothing_once_it_is_changed(
    accounts: Accounts, store: WebStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    verify = accounts._verified_hash

    def changed_meanwhile(username: str, password: str) -> str | None:
        verified = verify(username, password)
        accounts.set_password("alice", "un tout autre")
        return verified

    monkeypatch.setattr(accounts, "_verified_hash", changed_meanwhile)
    with pytest.raises(RefusedError, match="vient d'être changé") as refusal:
        accounts.sign_in("alice", PASSWORD, Visitor("10.0.0.1"), START)
    assert refusal.value.code == "credentials"
    assert Session.select().count() == 0


def test_a_name_that_cannot_be_one_leaves_nothing_behind(accounts: Accounts, store: WebStore) -> None:
    name = "x" * (USERNAME_MAX_LENGTH + 1)
    assert fail(accounts, name, "10.0.0.1") == "name_too_long"
    assert store.failures_from("10.0.0.1", START) == []


def fail(accounts: Accounts, username: str, address: str, at: datetime = START, tokens: str = "") -> str:
    with pytest.raises(RefusedError) as refusal:
        accounts.sign_in(username, "mauvais", Visitor(address, tokens), at)
    return refusal.value.code


def test_guessing_from_one_address_is_slower_than_ten_tries_a_quarter_of_an_hour(accounts: Accounts) -> None:
    codes = [fail(accounts, f"inconnu{number % 3}", "10.0.0.1") for number in range(FROM_ONE + 5)]
    assert codes == ["credentials"] * 9 + ["throttled"] * 6
    assert fail(accounts, "alice", "10.0.0.1", START + WINDOW - timedelta(seconds=1)) == "throttled"
    assert accounts.sign_in("alice", PASSWORD, Visitor("10.0.0.2"), START)
    assert accounts.sign_in("alice", PASSWORD, Visitor("10.0.0.1"), START + WINDOW)


def test_guessing_from_everywhere_is_slower_than_a_hundred_tries_a_quarter_of_an_hour(
    accounts: Accounts, store: WebStore
) -> None:
    for number in range(FROM_ALL - 2):
        store.record_failure("alice", f"10.0.1.{number}", START)
    assert fail(accounts, "alice", "10.0.0.1") == "credentials"
    assert fail(accounts, "alice", "10.0.0.2") == "throttled"
    assert fail(accounts, "bob", "10.0.0.2") == "credentials", "another account is not meant"


def test_what_is_to_be_waited_is_told(accounts: Accounts) -> None:
    for number in range(FROM_ONE - 1):
        fail(accounts, "alice", "10.0.0.1", START + timedelta(minutes=number))
    with pytest.raises(ThrottledError, match="réessayez dans 5 minutes") as refusal:
        accounts.sign_in("alice", PASSWORD, Visitor("10.0.0.1"), START + timedelta(minutes=10))
    assert refusal.value.retry_after == 300


def test_the_usual_browser_is_let_in_while_others_guess(accounts: Accounts, store: WebStore) -> None:
    browser = accounts.sign_in("alice", PASSWORD, Visitor("10.0.0.1"), START).browser
    for number in range(1000):
        store.record_failure("alice", ("10.0.0.1", f"10.0.1.{number}")[number % 2], START)
    assert fail(accounts, "alice", "10.0.0.1") == "throttled"
    again = accounts.sign_in("alice", PASSWORD, Visitor("10.0.0.1", f"faux~{browser}"), START)
    assert known_browser(again.browser, "alice", store.password_hash("alice") or "") == browser.partition(".")[0]


def test_a_known_browser_has_a_count_of_its_own_forgiven_by_a_success(accounts: Accounts) -> None:
    browser = accounts.sign_in("alice", PASSWORD, Visitor("10.0.0.1"), START).browser
    for _ in range(2):
        codes = [fail(accounts, "alice", "10.0.0.1", tokens=browser) for _ in range(FROM_ONE - 2)]
        assert codes == ["credentials"] * 8
        accounts.sign_in("alice", PASSWORD, Visitor("10.0.0.1", browser), START)
    codes = [fail(accounts, "alice", f"10.0.0.{number}", tokens=browser) for number in range(FROM_ONE)]
    assert codes == ["credentials"] * 9 + ["throttled"]
    assert accounts.sign_in("alice", PASSWORD, Visitor("10.0.0.1"), START), "elsewhere nobody has failed"


def test_a_token_is_good_for_its_account_and_its_password_only(accounts: Accounts, store: WebStore) -> None:
    accounts.add("bob", PASSWORD, (), START)
    browser = accounts.sign_in("alice", PASSWORD, Visitor("10.0.0.1"), START).browser
    for number in range(FROM_ONE - 1):
        store.record_failure(f"x{number}", "10.0.0.1", START)
    assert fail(accounts, "bob", "10.0.0.1", tokens=browser) == "throttled"
    accounts.set_password("alice", "un tout autre mot")
    assert fail(accounts, "alice", "10.0.0.1", tokens=browser) == "throttled"


def test_a_success_forgives_nobody_elsewhere(accounts: Accounts) -> None:
    for _ in range(FROM_ONE - 2):
        fail(accounts, "alice", "10.0.0.1")
    accounts.sign_in("alice", PASSWORD, Visitor("10.0.0.1"), START)
    assert [fail(accounts, "alice", "10.0.0.1") for _ in range(2)] == ["credentials", "throttled"]


def test_tries_that_come_all_at_once_are_throttled_as_well(accounts: Accounts) -> None:
    with ThreadPoolExecutor(30) as pool:
        codes = list(pool.map(lambda number: fail(accounts, "alice", "10.0.0.1"), range(60)))
    assert 1 <= codes.count("credentials") <= FROM_ONE - 1
    assert set(codes) == {"credentials", "throttled"}


def test_a_sign_in_is_recent_for_a_while(accounts: Accounts) -> None:
    session = accounts.session(accounts.sign_in("alice", PASSWORD, Visitor("10.0.0.1"), START).token, START)
    assert session is not None
    assert is_recent(session, START + RECENT_SIGN_IN)
    assert not is_recent(session, START + RECENT_SIGN_IN + timedelta(seconds=1))


@pytest.mark.parametrize(
    ("name", "password"),
    [("bob", "court"), ("  ", PASSWORD), ("alice", PASSWORD), ("b" * (USERNAME_MAX_LENGTH + 1), PASSWORD)],
)
def test_an_account_that_makes_no_sense_is_refused(accounts: Accounts, name: str, password: str) -> None:
    with pytest.raises(RefusedError):
        accounts.add(name, password, (), START)
    assert [account.username for account in accounts.all()] == ["alice"]
