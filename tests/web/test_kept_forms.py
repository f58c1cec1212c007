"""What was typed when the session ended goes through the sign-in; nothing that is not ours does."""

import html
import re
from typing import Any

from demo.layout import REPOSITORY
from ospi_supervisor.store.web_models import Session
from ospi_supervisor.web.kept_forms import LABELS, NOT_KEPT, KeptForm
from tests.support.site import PASSWORD, PREFIX, Browser, Site

SETTING = {"name": "update.auto.disable", "value": "OUI"}


def end_session(site: Site) -> None:
    """The session ends on the server; the browser still has its page and its cookie."""
    sessions: Any = Session
    statement = sessions.delete()
    statement.execute(site.operations.web._database.database)


def field(text: str, name: str) -> str:
    found = re.search(f'name="{name}" value="([^"]*)"', text)
    assert found, text
    return html.unescape(found[1])


def test_a_form_that_came_too_late_is_sent_after_the_sign_in(site: Site, admin: Browser) -> None:
    admin.get("parametres/general")
    end_session(site)
    kept = admin.client.post(
        f"{PREFIX}/parametres/general", data={"csrf_token": admin.token, "password": "x", **SETTING}
    )
    assert kept.status_code == 401
    assert "ce que vous avez saisi n'est pas perdu" in html.unescape(kept.text)
    wrong = admin.sign_in("admin", "faux", kept=field(kept.text, "kept"))
    page = admin.sign_in("admin", kept=field(wrong.text, "kept"))
    assert field(page.text, "value") == "OUI"
    assert "<li>Valeur" in page.text
    assert 'name="password"' not in page.text
    action = html.unescape(re.findall('action="([^"]*)"', page.text)[0])
    assert action == f"{PREFIX}/parametres/general"
    fields = SETTING | {"csrf_token": field(page.text, "csrf_token")}
    assert admin.client.post(action, data=fields).status_code == 303
    assert len(site.operations.web.requests_after(0)) == 1


def test_what_was_filled_in_is_shown_in_the_words_of_the_form() -> None:
    fields = [("when", "switch"), ("switch_at", "2026-11-30T22:00"), ("start_at", ""), ("notice_read", "1")]
    assert KeptForm("/", fields).shown == [
        ("Quand", "préparer maintenant, interrompre plus tard"),
        ("Heure choisie", "2026-11-30T22:00"),
        ("J'ai lu la notice", "oui"),
    ]


def test_every_field_of_a_form_has_its_words() -> None:
    """But of those that are never kept: of the sign-in, of searches, of files, of what no person fills in."""
    found: set[str] = set()
    for path in (REPOSITORY / "templates").rglob("*.html"):
        found |= set(re.findall(r'<(?:input|select|textarea)[^>]* name="(\w+)"', path.read_text(encoding="utf-8")))
    never = {*NOT_KEPT, "archive", "au", "cherche", "du", "kept", "next", "resultat", "username", "voir"}
    assert found - never == set(LABELS)


def test_what_another_site_would_have_sent_is_not_offered(site: Site, admin: Browser) -> None:
    end_session(site)
    answer = admin.client.post(f"{PREFIX}/parametres/general", data={"csrf_token": "forged", **SETTING})
    assert answer.status_code == 303
    assert "kept" not in answer.headers["Location"]
    assert admin.sign_in("admin", kept="forged").status_code == 303


def test_whoever_refuses_cookies_is_told_so(site: Site) -> None:
    browser = site.browser(None)
    browser.get("connexion")
    browser.client.delete_cookie("ospi_superviseur", path=PREFIX)
    fields = {"username": "admin", "password": PASSWORD, "csrf_token": browser.token}
    answer = browser.client.post(f"{PREFIX}/connexion", data=fields, headers={"Accept": "text/html"})
    assert answer.status_code == 400
    assert "autorisez les cookies" in answer.text
    assert "expiré" not in answer.text
