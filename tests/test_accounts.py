"""Passwords, throttling and sessions."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ospi_supervisor.accounts import (
    FAILURES_PER_ACCOUNT,
    FAILURES_PER_ADDRESS,
    RECENT_SIGN_IN,
    SESSION_LIFETIME,
    THROTTLE_WINDOW,
    USERNAME_MAX_LENGTH,
    Accounts,
    is_recent,
)
from ospi_supervisor.errors import RefusedError
from ospi_supervisor.store.web_models import ADMINISTRATION_SYSTEM, Session
from ospi_supervisor.store.web_store import WebStore

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


def test_passwords_are_kept_as_argon2id_of_the_recommended_strength(accounts: Accounts, store: WebStore) -> None:
    stored = store.password_hash("alice") or ""
    assert stored.startswith("$argon2id$v=19$m=12288,t=3,p=1$")
    assert PASSWORD not in stored


def test_a_session_knows_whose_it_is(accounts: Accounts) -> None:
    signed_in = accounts.sign_in("alice", PASSWORD, "10.0.0.1", START)
    session = accounts.session(signed_in.token, START)
    assert session is not None
    assert (session.account.username, session.account.is_administrator) == ("alice", True)
    assert session.account.last_sign_in_at == START


def test_the_token_itself_is_not_in_the_database(accounts: Accounts, tmp_path: Path) -> None:
    token = accounts.sign_in("alice", PASSWORD, "10.0.0.1", START).token
    written = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert token.encode() not in written


def test_using_a_session_keeps_it_alive_and_leaving_it_ends_it(accounts: Accounts) -> None:
    token = accounts.sign_in("alice", PASSWORD, "10.0.0.1", START).token
    later = START + SESSION_LIFETIME - timedelta(minutes=1)
    assert accounts.session(token, later)
    assert accounts.session(token, later + SESSION_LIFETIME - timedelta(minutes=1))
    assert accounts.session(token, later + 3 * SESSION_LIFETIME) is None


def test_signing_out_ends_one_session(accounts: Accounts) -> None:
    one, other = (accounts.sign_in("alice", PASSWORD, "10.0.0.1", START).token for _ in range(2))
    accounts.sign_out(one)
    assert accounts.session(one, START) is None
    assert accounts.session(other, START)


@pytest.mark.parametrize("change", ["password", "removal"])
def test_another_password_or_removal_ends_all_sessions(accounts: Accounts, change: str) -> None:
    token = accounts.sign_in("alice", PASSWORD, "10.0.0.1", START).token
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
        accounts.sign_in("alice", PASSWORD, "10.0.0.1", START)
    assert refusal.value.code == "credentials"
    assert Session.select().count() == 0


def test_a_name_that_cannot_be_one_leaves_nothing_behind(accounts: Accounts, store: WebStore) -> None:
    name = "x" * (USERNAME_MAX_LENGTH + 1)
    assert fail(accounts, name, "10.0.0.1") == "name_too_long"
    assert store.failures(name, "10.0.0.1", START) == (0, 0)


def fail(accounts: Accounts, username: str, address: str, at: datetime = START) -> str:
    with pytest.raises(RefusedError) as refusal:
        accounts.sign_in(username, "mauvais", address, at)
    return refusal.value.code


def test_an_account_is_throttled_and_let_in_again_later(accounts: Accounts) -> None:
    codes = [fail(accounts, "alice", f"10.0.0.{number}") for number in range(FAILURES_PER_ACCOUNT + 1)]
    assert codes == ["credentials"] * FAILURES_PER_ACCOUNT + ["throttled"]
    later = START + THROTTLE_WINDOW + timedelta(seconds=1)
    assert accounts.sign_in("alice", PASSWORD, "10.0.0.1", later)


def test_tries_that_come_all_at_once_are_throttled_as_well(accounts: Accounts) -> None:
    tries = 3 * FAILURES_PER_ACCOUNT
    with ThreadPoolExecutor(tries) as pool:
        codes = list(pool.map(lambda number: fail(accounts, "alice", f"10.0.0.{number}"), range(tries)))
    assert sorted(codes) == ["credentials"] * FAILURES_PER_ACCOUNT + ["throttled"] * (tries - FAILURES_PER_ACCOUNT)


def test_an_address_is_throttled_over_all_accounts(accounts: Accounts, store: WebStore) -> None:
    for number in range(FAILURES_PER_ADDRESS):
        store.record_failure(f"inconnu{number}", "10.0.0.1", START)
    assert fail(accounts, "alice", "10.0.0.1") == "throttled"
    assert accounts.sign_in("alice", PASSWORD, "10.0.0.2", START)


def test_a_success_forgives_the_accounts_failures(accounts: Accounts) -> None:
    for _ in range(FAILURES_PER_ACCOUNT - 1):
        fail(accounts, "alice", "10.0.0.1")
    accounts.sign_in("alice", PASSWORD, "10.0.0.1", START)
    assert fail(accounts, "alice", "10.0.0.1") == "credentials"


def test_a_sign_in_is_recent_for_a_while(accounts: Accounts) -> None:
    session = accounts.session(accounts.sign_in("alice", PASSWORD, "10.0.0.1", START).token, START)
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
