"""« Importer » in a real browser, whatever happens to the upload or to the line meanwhile."""

from datetime import timedelta

import pytest
from playwright.sync_api import Page, Route, expect

from ospi_supervisor.store.web_models import Session
from tests.support.site import PASSWORD, Archives, now
from tests.support.system import wait_until
from tests.support.web_process import WebProcess
from tests.web.browsing import CREATION, OURS, SLICES, choose, expect_complete, give_up, hold, wait_for

pytestmark = pytest.mark.system


def test_a_second_file_takes_the_place_of_the_first(page: Page, web: WebProcess, archives: Archives) -> None:
    first_slice, second_upload = hold(page, SLICES, "PATCH"), hold(page, CREATION, "POST", number=2)
    choose(page, archives.large)
    slice_of_first = wait_for(page, first_slice)
    choose(page, archives.good)
    creation = wait_for(page, second_upload)
    with page.expect_response(SLICES):
        slice_of_first.continue_()
    page.wait_for_timeout(500)
    creation.continue_()
    expect_complete(page)
    second, _ = web.site.operations.web.uploads()
    assert second.filename == archives.good.name
    assert second.id in str(page.get_attribute("#import-form", "action"))


def press_during_the_upload(page: Page, archives: Archives) -> Route:
    """Press « Importer » while a slice is on its way; that slice, kept back."""
    held = hold(page, SLICES, "PATCH", number=2)
    choose(page, archives.large)
    page.check("#notice-read")
    page.click("#import-button")
    expect(page.locator("#installation")).to_contain_text("Installation demandée")
    return wait_for(page, held)


def test_pressed_during_the_upload_a_refusal_at_its_end_is_shown(
    page: Page, web: WebProcess, archives: Archives
) -> None:
    last = press_during_the_upload(page, archives)
    web.site.update()
    last.continue_()
    expect(page.locator("#installation")).to_contain_text("est en cours")
    expect(page.locator("#import-button")).to_be_visible()


def test_pressed_during_the_upload_it_leads_to_suivi_though_the_line_is_cut(page: Page, archives: Archives) -> None:
    cut = hold(page, "**/api/uploads/*", "GET")
    press_during_the_upload(page, archives).continue_()
    wait_for(page, cut).abort()
    page.wait_for_url("**/suivi?demande=1")


def test_an_import_that_does_not_get_through_can_be_asked_again(page: Page, archives: Archives) -> None:
    cut = hold(page, "**/importer", "POST")
    choose(page, archives.good)
    expect_complete(page)
    page.check("#notice-read")
    page.click("#import-button")
    wait_for(page, cut).abort()
    expect(page.locator("#fiche [role=alert]")).to_contain_text("n'a pas pu être demandée")
    Session.update(created_at=now() - timedelta(hours=1)).execute()
    page.click("#import-button")
    expect(page.locator("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).to_have_count(0)
    expect(page.locator("#fiche [role=alert]")).to_have_count(1)
    expect(page.locator("#import-button")).to_be_enabled()


def test_the_dialog_asks_once_at_a_time_and_stays_for_the_answer(page: Page, archives: Archives) -> None:
    slow = hold(page, "**/importer", "POST", number=2)
    choose(page, archives.good)
    expect_complete(page)
    page.check("#notice-read")
    Session.update(created_at=now() - timedelta(hours=1)).execute()
    page.click("#import-button")
    page.locator("dialog [name=password]").fill(PASSWORD)
    page.locator("dialog .primary").click()
    post = wait_for(page, slow)
    for button in page.locator("dialog button").all():
        expect(button).to_be_disabled()
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    page.wait_for_timeout(300)
    expect(page.get_by_role("dialog", name="Confirmez votre identité")).to_be_visible()
    expect(page.locator("#fiche [role=alert]")).to_have_count(0)
    post.continue_()
    page.wait_for_url("**/suivi?demande=1")


def test_an_upload_given_up_during_a_slice_goes_without_a_false_word(
    page: Page, web: WebProcess, archives: Archives
) -> None:
    page.route(
        SLICES,
        lambda route: route.fulfill(status=423, headers=OURS) if route.request.method == "DELETE" else route.fallback(),
        times=3,
    )
    held = hold(page, SLICES, "PATCH", number=2)
    choose(page, archives.large)
    last = wait_for(page, held)
    give_up(page)

    def is_gone() -> bool:
        page.wait_for_timeout(50)
        return not web.site.operations.web.uploads()

    wait_until(is_gone, "the upload's end")
    with page.expect_response(SLICES):
        last.continue_()
    page.wait_for_timeout(500)
    assert page.inner_text("#fiche") == ""


def test_a_file_chosen_before_the_page_is_ready_is_sent(page: Page, archives: Archives) -> None:
    held = hold(page, "**/js/upload.js", "GET")
    page.goto(page.url, wait_until="commit")
    script = wait_for(page, held)
    choose(page, archives.good)
    script.continue_()
    expect_complete(page)


def test_a_file_given_up_can_be_chosen_again(page: Page, archives: Archives) -> None:
    """A browser tells nothing of a choice that is the one it had."""
    held = hold(page, SLICES, "PATCH", number=2)
    choose(page, archives.large)
    wait_for(page, held)
    give_up(page)
    expect(page.locator("#archive")).to_have_value("")
    choose(page, archives.large)
    expect(page.locator("#pause")).to_be_visible()
    expect(page.locator("#abandon")).to_be_hidden()  # both steps, each time


def test_an_upload_given_up_while_it_is_created_leaves_nothing(page: Page, web: WebProcess, archives: Archives) -> None:
    held = hold(page, CREATION, "POST")
    choose(page, archives.large)
    creation = wait_for(page, held)
    give_up(page)
    with page.expect_response(lambda response: response.request.method == "DELETE"):
        creation.continue_()
    assert not web.site.operations.web.uploads()


def test_leaving_the_page_is_asked_about_while_an_upload_is_under_way(page: Page, archives: Archives) -> None:
    """By what older browsers heed too."""
    leave = """() => {
      const event = document.createEvent("BeforeUnloadEvent");
      event.initEvent("beforeunload", false, true);
      dispatchEvent(event);
      return event.returnValue;
    }"""
    held = hold(page, SLICES, "PATCH", number=2)
    choose(page, archives.large)
    wait_for(page, held)
    assert page.evaluate(leave) == "true"
    choose(page, archives.bad["unsigned"])
    expect(page.locator("#refus")).to_be_visible()
    assert page.evaluate(leave) == ""


def test_why_importer_was_refused_is_in_view_at_every_width(page: Page, archives: Archives) -> None:
    refusal = {"code": "busy", "message": "une mise à jour est déjà en cours"}
    page.route("**/importer*", lambda route: route.fulfill(status=409, json=refusal, headers=OURS))
    choose(page, archives.good)
    expect_complete(page)
    page.check("#notice-read")
    for width in (390, 768, 1280):
        page.set_viewport_size({"width": width, "height": 700})
        page.click("#import-button")
        expect(page.locator("#import-error [role=alert]")).to_be_in_viewport(ratio=1)
        expect(page.locator("#import-button")).to_be_enabled()
