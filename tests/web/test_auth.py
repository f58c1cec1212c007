"""Signing in and out: sessions on the server, a new one at each sign-in, and no open door in between."""

import json
from datetime import timedelta
from typing import Any

import pytest
from flask.sessions import SecureCookieSessionInterface

from ospi_supervisor.domain.sign_in import FROM_ONE
from ospi_supervisor.operations.accounts import USERNAME_MAX_LENGTH
from ospi_supervisor.store.searches import AuditSearch
from ospi_supervisor.store.web_models import Session, SignInFailure
from ospi_supervisor.web.serving.body_limits import MAY_UPLOAD
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
    cookies = site.browser(None).sign_in("admin").headers.getlist("Set-Cookie")
    header = next(cookie for cookie in cookies if cookie.startswith("ospi_superviseur="))
    assert "HttpOnly" in header
    assert "SameSite=Lax" in header
    assert f"Path={PREFIX}" in header


def test_each_sign_in_is_a_new_session(site: Site) -> None:
    browser = site.browser()
    first = cookie(browser)
    browser.sign_in("admin")
    assert cookie(browser) != first


def test_nothing_of_before_the_sign_in_is_in_the_session_after_it(site: Site) -> None:
    """Whoever put a session into somebody's browser must not know the token of what they do once they are signed in."""
    browser = site.browser(None)
    browser.get("connexion")
    planted = browser.token
    assert browser.sign_in("admin").status_code == 303
    answer = browser.post("deconnexion", headers={"X-CSRFToken": planted, "Accept": "application/json"})
    assert answer.status_code == 400
    assert browser.get("api/status").status_code == 200


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
    for _ in range(FROM_ONE - 1):
        assert browser.sign_in("admin", "faux mot").status_code == 401
    response = browser.sign_in("admin", PASSWORD)
    assert response.status_code == 429
    assert "réessayez dans 15 minutes" in response.text
    assert int(response.headers["Retry-After"]) > 800


def test_the_usual_browser_is_let_in_while_a_thousand_guesses_come_from_its_own_address(site: Site) -> None:
    usual = site.browser()
    usual.post("deconnexion")
    guesser = site.browser(None)
    statuses = [guesser.sign_in("admin", f"faux {number}").status_code for number in range(1000)]
    assert statuses == [401] * (FROM_ONE - 1) + [429] * (1001 - FROM_ONE)
    assert usual.sign_in("admin").status_code == 303
    assert site.browser(None).sign_in("admin").status_code == 429, "an unknown browser at that address waits"


def test_what_makes_a_browser_known_lies_out_of_scripts_reach(site: Site) -> None:
    cookies = site.browser(None).sign_in("admin").headers.getlist("Set-Cookie")
    known = next(cookie for cookie in cookies if cookie.startswith("ospi_superviseur_navigateur="))
    assert {"HttpOnly", "SameSite=Strict", "Path=/superviseur"} <= set(known.split("; "))
    assert "admin" not in known


def test_a_burst_of_wrong_passwords_is_recorded_until_it_is_throttled(site: Site) -> None:
    browser = site.browser(None)
    for _ in range(FROM_ONE + 5):
        browser.sign_in("admin", "faux mot")
    refusals = site.operations.web.audit(99, search=AuditSearch(allowed=False))
    assert len(refusals) == FROM_ONE - 1
    assert ["trop de tentatives" in line.detail for line in refusals] == [True] + [False] * (FROM_ONE - 2)


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


def test_signing_out_is_recorded(site: Site) -> None:
    browser = site.browser()
    browser.post("deconnexion")
    (line,) = site.operations.web.audit(1)
    assert (line.actor, line.action, line.allowed) == ("admin", "déconnexion", True)


def test_a_password_that_is_confirmed_opens_a_new_session_and_ends_the_old_one(site: Site) -> None:
    browser, thief = site.browser(), site.browser(None)
    thief.client.set_cookie("ospi_superviseur", cookie(browser), path=PREFIX)
    Session.update(created_at=now() - timedelta(hours=1)).execute()
    fields = {"name": "update.auto.disable", "value": "OUI", "password": PASSWORD}
    assert browser.post("parametres/general", data=fields).status_code == 303
    assert browser.get("api/status").status_code == 200
    assert thief.get("api/status", headers={"Accept": "application/json"}).status_code == 401
    assert Session.select().count() == 1


def test_an_account_removed_while_it_signs_in_gets_no_session(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    accounts = site.app.extensions["ospi_supervisor"].accounts
    sign_in = accounts.sign_in

    def then_removed(*given: Any) -> Any:
        opened = sign_in(*given)
        site.operations.web.remove_account("admin")
        return opened

    monkeypatch.setattr(accounts, "sign_in", then_removed)
    browser = site.browser(None)
    assert browser.sign_in("admin").status_code == 401
    assert browser.get("support").status_code == 303


@pytest.mark.parametrize(("name", "may"), [("admin", True), ("infirmier", False)])
def test_the_session_says_whose_large_bodies_are_taken_in(site: Site, name: str, may: bool) -> None:
    """The server looks there before it keeps a body, which is before the application knows of the request."""
    browser = site.browser(None)
    browser.sign_in(name)
    reader = SecureCookieSessionInterface().get_signing_serializer(site.app)
    assert reader is not None
    assert reader.loads(cookie(browser))[MAY_UPLOAD] is may


def test_a_program_with_a_wrong_password_gets_the_error_as_json(site: Site) -> None:
    browser = site.browser(None)
    browser.get("connexion")
    fields = {"username": "admin", "password": "faux mot"}
    answer = browser.send("POST", "connexion", {"Accept": "application/json"}, data=fields)
    assert answer.status_code == 401
    assert answer.json is not None
    assert "mot de passe" in answer.json["message"]


def test_being_asked_for_the_password_again_is_no_failed_attempt(site: Site) -> None:
    browser = site.browser()
    Session.update(created_at=now() - timedelta(hours=1)).execute()
    answer = browser.post("parametres/general", data={"name": "update.auto.disable", "value": "OUI"})
    assert answer.status_code == 403
    assert "onfirmez votre mot de passe" in answer.text
    assert site.operations.web.audit(99, search=AuditSearch(allowed=False)) == []
