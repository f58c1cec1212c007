"""What keeps a browser from working as usual: a script that is blocked, storage that is denied, a line that is half
open. The page works all the same, or says what it needs."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from demo.layout import REPOSITORY
from ospi_supervisor.domain.lifecycle import Phase
from tests.conftest import PATIENCE_MS
from tests.support.firewall import Firewall
from tests.support.site import Archives
from tests.support.web_process import WebProcess
from tests.web.browsing import choose, expect_complete, sign_in
from tests.web.following import log

SCRIPTS = sorted(path.name for path in (REPOSITORY / "static" / "js").iterdir())
OF_IMPORT = {"session.js", "transfer.js", "spoken.js", "tus.js", "upload.js", "words.js", "notice.js"}
OF_FOLLOW = {"follow.js", "journal.js", "patch.js", "session.js", "spoken.js", "transfer.js", "words.js"}


def send_by_the_plain_form(page: Page, archive: Path) -> None:
    page.set_input_files("#archive", archive)
    page.click(".unscripted button")
    page.wait_for_url("**/import?televersement=*")
    expect(page.locator("#import-form")).to_be_visible()


def test_with_any_script_blocked_the_plain_form_is_there(page: Page, web: WebProcess, archives: Archives) -> None:
    assert set(SCRIPTS) == OF_IMPORT | OF_FOLLOW
    for script in sorted(OF_IMPORT):
        blocked = f"**/js/{script}*"
        page.route(blocked, lambda route: route.abort())
        page.goto(f"{web.url}/mises-a-jour/import")
        expect(page.locator(".unscripted button")).to_be_visible()
        page.unroute(blocked)
    page.route("**/js/tus.js*", lambda route: route.abort())
    page.goto(f"{web.url}/mises-a-jour/import")
    send_by_the_plain_form(page, archives.good)


def test_with_any_script_blocked_suivi_says_so_and_can_be_cancelled(page: Page, web: WebProcess) -> None:
    web.site.update()
    for script in sorted(OF_FOLLOW):
        blocked = f"**/js/{script}*"
        page.route(blocked, lambda route: route.abort())
        page.goto(f"{web.url}/mises-a-jour/suivi")
        expect(page.get_by_text("Les scripts de cette page n'ont pas été chargés")).to_be_visible()
        expect(page.locator(".unscripted a").last).to_be_visible()
        page.unroute(blocked)


def test_a_browser_that_denies_storage_sends_all_the_same(page: Page, web: WebProcess, archives: Archives) -> None:
    page.add_init_script(
        "const denied = () => { throw new DOMException('denied', 'SecurityError'); };"
        "Object.defineProperty(window, 'localStorage', { get: denied });"
    )
    page.goto(f"{web.url}/mises-a-jour/import")
    choose(page, archives.large)
    expect_complete(page)


def test_without_a_reader_of_pdf_the_notice_is_opened_or_downloaded_before_the_box_is_ticked(
    page: Page, web: WebProcess, archives: Archives
) -> None:
    page.add_init_script("Object.defineProperty(navigator, 'pdfViewerEnabled', { value: false })")
    page.goto(f"{web.url}/mises-a-jour/import")
    choose(page, archives.good)
    expect_complete(page)
    expect(page.locator(".no-reader")).to_be_visible()
    expect(page.locator("#notice iframe")).to_be_hidden()
    expect(page.locator("#notice-read")).to_be_disabled()
    expect(page.locator("#import-why")).to_have_text("Ouvrez ou téléchargez d'abord la notice.")
    link = page.get_by_role("link", name="Télécharger la notice")
    assert link.get_attribute("download") == "notice-portail-bi-11.6.0.pdf"
    link.click()
    page.check("#notice-read")
    expect(page.locator("#import-button")).to_be_enabled()


def test_whoever_refuses_cookies_is_told_what_is_needed(web: WebProcess, browser: Browser) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{web.url}/connexion")
    context.clear_cookies()
    sign_in(page)
    expect(page.get_by_text("autorisez les cookies pour cette adresse")).to_be_visible()
    context.close()


@pytest.fixture
def firewall(web: WebProcess) -> Iterator[Firewall]:
    wall = Firewall(web.port)
    yield wall
    wall.close()


def test_suivi_is_right_again_soon_after_its_line_is_half_open(
    firewall: Firewall, web: WebProcess, browser: Browser
) -> None:
    number = web.site.update()
    context = browser.new_context(locale="fr-FR")
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.clock.install()
    page.goto(f"http://127.0.0.1:{firewall.port}/superviseur/connexion")
    sign_in(page)
    page.wait_for_url("**/superviseur/")
    with page.expect_response("**/events?*"):
        page.goto(f"http://127.0.0.1:{firewall.port}/superviseur/mises-a-jour/suivi")
    log(web, number, 0, 1)
    expect(page.locator("#journal")).to_contain_text("ligne 0.")
    firewall.forget()
    web.site.event(number, "log", Phase.STAGE, level="info", message="après la coupure")
    page.clock.fast_forward(23_000)  # no heartbeat came for so long
    expect(page.locator("#journal")).to_contain_text("après la coupure")
    context.close()
