"""JavaScript switched off: every page says all it has to say, nothing on it is dead, and its forms make the journey."""

from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from ospi_supervisor.domain.lifecycle import Phase, PhaseStatus
from ospi_supervisor.store.request_codec import decode
from tests.conftest import PATIENCE_MS
from tests.support.drills import CERTIFICATE, FAILED, PATH, publish
from tests.support.pages import PAGES
from tests.support.site import Archives, now
from tests.support.web_process import WebProcess
from tests.web.browsing import sign_in
from tests.web.test_hour_in_browser import tonight, typed

pytestmark = pytest.mark.system

DEAD = """() => [...document.querySelectorAll("main button, main a, main input, main select, .side a, .side button")]
  .filter((one) => one.checkVisibility({ visibilityProperty: true }))
  .filter((one) => one.matches("a") ? !one.getAttribute("href") : one.type === "button" || !one.form)
  .filter((one) => one.type !== "checkbox") // the guide's list is ticked as one goes
  .map((one) => one.outerHTML.slice(0, 120))"""
"""What can be pressed or filled in, and leads nowhere."""


@pytest.fixture
def plain(web: WebProcess, browser: Browser) -> Iterator[Page]:
    context = browser.new_context(locale="fr-FR", java_script_enabled=False, reduced_motion="reduce")
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto(f"{web.url}/connexion")
    sign_in(page)
    page.wait_for_url(f"{web.url}/")
    yield page
    context.close()


def under_way(web: WebProcess) -> None:
    """An update that migrates, and backups that were drilled."""
    web.site.engine.beat(now(), 1)
    publish(web.site, FAILED, CERTIFICATE)
    number = web.site.update()
    web.site.phase(number, Phase.VERIFY, PhaseStatus.DONE)
    web.site.phase(number, Phase.MIGRATE, PhaseStatus.DOING)


def test_no_page_has_anything_dead(plain: Page, web: WebProcess) -> None:
    under_way(web)
    found: list[str] = []
    followed: set[str] = set()
    for path in (*PAGES, PATH):
        plain.goto(f"{web.url}/{path}")
        expect(plain.locator("h1")).to_be_visible()
        found += [f"{path}: {dead}" for dead in plain.evaluate(DEAD)]
        links = plain.locator("main a, .side a").evaluate_all("all => all.map((one) => one.href)")
        followed |= {link.partition("#")[0] for link in links if urlsplit(link).netloc == urlsplit(web.url).netloc}
    assert found == []
    assert {f"{web.url}/{path}" for path in PAGES if "mises-a-jour/suivi" not in path} <= followed
    followed -= {f"{web.url}/{path}" for path in PAGES}  # which were just looked at
    answers = {link: plain.request.get(link).status for link in followed if link.startswith(f"{web.url}/")}
    assert {link: status for link, status in answers.items() if status != 200} == {}


def test_plain_forms_make_the_whole_journey(plain: Page, web: WebProcess, archives: Archives) -> None:
    web.site.engine.beat(now(), 1)
    at = tonight()
    plain.click(".menu >> text=Mises à jour")
    plain.set_input_files("#archive", archives.good)
    plain.click("text=Envoyer le fichier")
    expect(plain.locator("#installation-titre")).to_have_text("11.5.0 → 11.6.0")
    plain.check("#when-switch")
    plain.fill("#switch-at", typed(at))
    plain.check("#validate")
    plain.check("#notice-read")
    plain.click("#import-button")
    expect(plain.locator("main")).to_contain_text("La demande est transmise")
    [request] = [decode(row.kind, row.payload) for row in web.site.operations.web.requests_after(0)]
    assert (request.switch_at, request.validate) == (at, True)  # type: ignore[union-attr]

    number = web.site.prepared(now() + timedelta(hours=3))
    web.site.engine.answer(1, accepted=True, message="", now=now(), update_id=number)
    plain.wait_for_url(f"**/suivi?update={number}")  # the page that waits asks again by itself
    expect(plain.locator("#titre")).to_have_text("La mise à jour est prête.")
    plain.click("text=Annuler la mise à jour… >> nth=-1")
    plain.click("text=Annuler cette mise à jour")
    expect(plain.locator("main")).to_contain_text("La demande d'annulation est transmise")
    assert [row.kind for row in web.site.operations.web.requests_after(0)][-1] == "cancel"
