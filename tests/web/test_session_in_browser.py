"""A session that ends or is renewed under a page that is at work."""

from datetime import timedelta

import pytest
import requests
from playwright.sync_api import Page, Route, expect

from ospi_supervisor.domain.lifecycle import Phase, UpdateStatus
from ospi_supervisor.store.web_models import Session
from tests.support.site import PASSWORD, Archives, now
from tests.support.web_process import WebProcess
from tests.web.browsing import SLICES, choose, expect_complete, hold, sign_in, sign_in_in_dialog, wait_for

pytestmark = pytest.mark.system
SESSION_OVER = "Votre session est terminée"


def send_now(page: Page, held: Route) -> requests.Response:
    """The server's real answer to a request that is kept back, sent with the cookies that the browser has now."""
    request = held.request
    cookies = {cookie["name"]: cookie["value"] for cookie in page.context.cookies()}
    headers = {name: value for name, value in request.headers.items() if name not in ("cookie", "content-length")}
    with requests.Session() as session:
        session.trust_env = False
        body = request.post_data_buffer
        return session.request(request.method, request.url, headers=headers, cookies=cookies, data=body)


def give(held: Route, answer: requests.Response) -> None:
    headers = dict(answer.headers)
    if "Set-Cookie" in headers:  # as the browser is given several
        headers["Set-Cookie"] = "\n".join(answer.raw.headers.getlist("Set-Cookie"))
    held.fulfill(status=answer.status_code, headers=headers, body=answer.content)


def test_the_password_confirmed_during_an_upload_leaves_it_alone(page: Page, archives: Archives) -> None:
    """Confirming closes the former session at once; the slice that still carries its cookie is answered first."""
    slices = hold(page, SLICES, "PATCH", number=2)
    confirmed = hold(page, "**/importer", "POST", number=2)
    choose(page, archives.large)
    page.check("#notice-read")
    Session.update(created_at=now() - timedelta(hours=1)).execute()
    page.click("#import-button")
    page.locator("dialog [name=password]").fill(PASSWORD)
    page.locator("dialog .primary").click()
    importer, late = wait_for(page, confirmed), wait_for(page, slices)
    accepted = send_now(page, importer)
    refused = send_now(page, late)
    assert (accepted.status_code, refused.status_code) == (202, 401)
    give(late, refused)
    page.wait_for_timeout(500)
    expect(page.locator("dialog")).to_have_count(1)
    give(importer, accepted)
    page.wait_for_url("**/suivi?demande=1")


def sign_in_elsewhere(page: Page, web: WebProcess) -> None:
    other = page.context.new_page()
    other.goto(f"{web.url}/connexion")
    sign_in(other)
    other.wait_for_url(f"{web.url}/")
    other.close()


def test_a_sign_in_in_another_tab_stops_neither_an_upload_nor_its_import(
    page: Page, web: WebProcess, archives: Archives
) -> None:
    held = hold(page, SLICES, "PATCH", number=2)
    choose(page, archives.large)
    late = wait_for(page, held)
    sign_in_elsewhere(page, web)
    with page.expect_response(lambda response: response.status == 400):
        late.continue_()
    expect_complete(page)
    sign_in_elsewhere(page, web)
    page.check("#notice-read")
    page.click("#import-button")
    page.wait_for_url("**/suivi?demande=1")


def test_suivi_signed_out_asks_for_the_password_in_place(page: Page, web: WebProcess) -> None:
    number = web.site.update()
    page.goto(f"{web.url}/mises-a-jour/suivi")
    held = hold(page, "**/etat?*", "GET")
    web.site.engine.finish(number, UpdateStatus.SUCCEEDED, now())
    web.site.event(number, "end", Phase.VERIFY, status="succeeded")
    late = wait_for(page, held)
    Session.update(token_sha256="elle n'existe plus").execute()
    late.continue_()
    dialog = page.locator("dialog")
    expect(dialog).to_contain_text(SESSION_OVER)
    sign_in_in_dialog(page)
    expect(page.locator("#etat .badge")).to_have_text("réussie")
    expect(page.locator("#etat [name=password]")).to_have_count(0)


PRESS_TWICE = """async (event) => {
  for (let press = 0; press < 2; press += 1) {
    if (event) dispatchEvent(new Event(event));
    document.querySelector("main form button").click();
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
}"""


@pytest.mark.parametrize(("between", "times"), [(None, 1), ("pageshow", 2)])
def test_a_second_click_on_a_slow_server_asks_for_nothing_more(
    page: Page, web: WebProcess, between: str | None, times: int
) -> None:
    """`pageshow`: somebody comes back to the page."""
    page.goto(f"{web.url}/sauvegardes")
    posted: list[Route] = []
    page.route("**/sauvegardes", lambda route: posted.append(route))
    page.evaluate(PRESS_TWICE, between)
    assert len(posted) == times


def end_session(page: Page, archives: Archives) -> None:
    """The session ends during an upload; its dialog is there."""
    held = hold(page, SLICES, "PATCH", number=2)
    choose(page, archives.large)
    late = wait_for(page, held)
    Session.update(token_sha256="elle n'existe plus").execute()
    late.continue_()
    expect(page.get_by_role("dialog", name=SESSION_OVER)).to_be_visible()


@pytest.mark.parametrize("by_key", [True, False])
def test_who_does_not_sign_in_again_finds_the_upload_suspended(page: Page, archives: Archives, by_key: bool) -> None:
    end_session(page, archives)
    dialog = page.locator("dialog")
    if by_key:
        page.keyboard.press("Escape")
    else:
        dialog.get_by_text("Annuler").click()
    expect(page.locator("#envoi-etat")).to_have_text("Suspendu")
    page.wait_for_timeout(1_500)
    expect(dialog).to_have_count(0)
    page.click("text=Reprendre")
    sign_in_in_dialog(page)
    expect_complete(page)


def test_suivi_asks_who_does_not_sign_in_again_no_more(page: Page, web: WebProcess) -> None:
    page.clock.install()
    web.site.update()
    page.goto(f"{web.url}/mises-a-jour/suivi")
    Session.update(token_sha256="elle n'existe plus").execute()
    expect(page.locator("dialog")).to_contain_text(SESSION_OVER)
    page.keyboard.press("Escape")
    expect(page.locator("#liaison")).to_contain_text("Votre session est terminée")
    page.clock.run_for(65_000)
    page.wait_for_timeout(500)
    expect(page.locator("dialog")).to_have_count(0)
