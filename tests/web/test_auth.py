"""Signing in and out: sessions on the server, a new one at each sign-in, and no open door in between."""

import json
from datetime import timedelta

import pytest

from ospi_supervisor.accounts import FAILURES_PER_ACCOUNT, USERNAME_MAX_LENGTH
from ospi_supervisor.store.web_models import Session, SignInFailure
from tests.support.site import PASSWORD, PREFIX, Browser, Site, now


def cookie(browser: Browser) -> str:
    found = browser.client.get_cookie("ospi_superviseur", path=PREFIX)
    assert found is not None
    return found.value


def test_the_sign_in_page_leads_to_where_one_wanted_to_go(site: Site) -> None:
    browser = site.browser(None)
    asked = browser.get("mises-a-jour/historique?page=2", headers={"Accept": "text/html"})
    assert asked.headers["Location"].endswith("/connexion?next=/mises-a-jour/historique?page%3D2")
    response = browser.sign_in("admin", next="/mises-a-jour/historique?page=2")
    assert response.headers["Location"] == f"{PREFIX}/mises-a-jour/historique?page=2"


@pytest.mark.parametrize(
    "target",
    [
        "https://ailleurs.example",
        "//ailleurs.example",
        "///x",
        "//[",
        "/\\ailleurs.example",
        "js:x",
        "/a\r\nX: y",
        "/\0",
    ],
)
def test_the_way_after_sign_in_never_leads_elsewhere(site: Site, target: str) -> None:
    response = site.browser(None).sign_in("admin", next=target)
    assert response.headers["Location"] == f"{PREFIX}/"


def test_a_wrong_password_says_so_and_no_more(site: Site) -> None:
    browser = site.browser(None)
    wrong = browser.sign_in("admin", "pas le bon")
    unknown = browser.sign_in("personne", "pas le bon")
    assert wrong.status_code == unknown.status_code == 401
    assert "Identifiant ou mot de passe incorrect" in wrong.text
    assert "Identifiant ou mot de passe incorrect" in unknown.text


def test_the_cookie_is_kept_from_scripts_and_other_sites(site: Site) -> None:
    header = site.browser(None).sign_in("admin").headers["Set-Cookie"]
    assert "HttpOnly" in header
    assert "SameSite=Lax" in header
    assert f"Path={PREFIX}" in header


def test_each_sign_in_is_a_new_session(site: Site) -> None:
    browser = site.browser()
    first = cookie(browser)
    browser.sign_in("admin")
    assert cookie(browser) != first


def test_signing_out_revokes_a_copied_cookie(site: Site) -> None:
    browser, thief = site.browser(), site.browser(None)
    thief.client.set_cookie("ospi_superviseur", cookie(browser), path=PREFIX)
    assert thief.get("support").status_code == 200
    assert browser.post("deconnexion").status_code == 303
    assert thief.get("support").status_code == 303


def test_a_new_password_ends_the_sessions(site: Site) -> None:
    browser = site.browser()
    site.app.extensions["ospi_supervisor"].accounts.set_password("admin", "un tout autre")
    assert browser.get("support").status_code == 303


def test_a_session_long_unused_has_ended(site: Site) -> None:
    browser = site.browser()
    Session.update(seen_at=now() - timedelta(hours=13)).execute()
    assert browser.get("support").status_code == 303


def test_unsafe_requests_need_the_csrf_token(site: Site) -> None:
    browser = site.browser()
    for path in ("connexion", "deconnexion", "mises-a-jour/import"):
        browser.token = "faux"
        assert browser.post(path).status_code == 400, path


def test_a_burst_of_wrong_passwords_is_throttled_even_with_the_right_one(site: Site) -> None:
    browser = site.browser(None)
    for _ in range(FAILURES_PER_ACCOUNT):
        assert browser.sign_in("admin", "faux mot").status_code == 401
    response = browser.sign_in("admin", PASSWORD)
    assert response.status_code == 429
    assert "réessayez dans 15 minutes" in response.text


def test_a_burst_of_wrong_passwords_is_recorded_until_it_is_throttled(site: Site) -> None:
    browser = site.browser(None)
    for _ in range(FAILURES_PER_ACCOUNT + 5):
        browser.sign_in("admin", "faux mot")
    refusals = site.operations.web.audit(99, allowed=False)
    assert len(refusals) == FAILURES_PER_ACCOUNT
    assert ["trop de tentatives" in line.detail for line in refusals] == [True] + [False] * (FAILURES_PER_ACCOUNT - 1)


def test_a_name_of_any_length_is_refused_and_not_recorded(site: Site) -> None:
    response = site.browser(None).sign_in("x" * (USERNAME_MAX_LENGTH + 1), "faux mot")
    assert response.status_code == 422
    assert "150 caractères au plus" in response.text
    assert site.operations.web.audit(99) == []
    assert SignInFailure.select().count() == 0


def test_our_dialog_signs_in_again_without_leaving_the_page(site: Site) -> None:
    browser = site.browser(None)
    json_only = {"Accept": "application/json"}
    browser.token = json.loads(browser.get("connexion", headers=json_only).text)["csrf_token"]
    response = browser.send("POST", "connexion", json_only, data={"username": "admin", "password": PASSWORD})
    assert response.status_code == 200
    browser.token = json.loads(response.text)["csrf_token"]
    assert browser.tus("POST", headers={"Upload-Length": "1"}).status_code == 201


def test_who_signed_in_and_who_failed_is_recorded(site: Site) -> None:
    browser = site.browser()
    browser.sign_in("admin", "faux mot")
    actions = [(line.actor, line.action, line.allowed, line.address) for line in site.operations.web.audit(2)]
    assert actions == [("admin", "connexion refusée", False, "127.0.0.1"), ("admin", "connexion", True, "127.0.0.1")]
