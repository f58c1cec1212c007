"""Suivi as its readers have it: at their keyboard, in their time zone, without scripts."""

import re
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from ospi_supervisor.domain.lifecycle import Phase, PhaseStatus
from tests.support.site import now
from tests.support.system import wait_until
from tests.support.web_process import WebProcess
from tests.web.browsing import sign_in
from tests.web.following import follow, let_refresh, log, refuse_streams

pytestmark = pytest.mark.system


def test_cancelling_takes_two_clicks_and_survives_a_refresh(page: Page, web: WebProcess) -> None:
    page.clock.install()
    follow(page, web)
    expect(page.get_by_text("Annuler cette mise à jour")).to_be_hidden()
    page.click("text=Annuler la mise à jour…")
    with page.expect_response("**/etat**"):
        page.clock.run_for(60_000)
    expect(page.get_by_text("La plateforme reste en version 11.5.0.")).to_be_visible()
    assert not web.site.operations.web.requests_after(0)
    page.click("text=Annuler cette mise à jour")
    expect(page.locator("body")).to_contain_text("annulation est transmise")
    [request] = web.site.operations.web.requests_after(0)
    assert request.kind == "cancel"


def test_the_journal_stays_where_somebody_reads(page: Page, web: WebProcess) -> None:
    number = web.site.update()
    log(web, number, 0, 60)
    page.goto(f"{web.url}/mises-a-jour/suivi")
    place = "document.getElementById('journal').scrollTop"
    bottom = page.evaluate(place)
    log(web, number, 60, 1)
    expect(page.locator("#journal li")).to_have_count(61)
    assert page.evaluate(place) > bottom
    page.evaluate(f"{place} = 0")
    log(web, number, 61, 1)
    expect(page.locator("#journal li")).to_have_count(62)
    assert page.evaluate(place) == 0


def test_the_journal_keeps_its_end_in_a_window_that_changes(page: Page, web: WebProcess) -> None:
    log(web, web.site.update(), 0, 60)
    page.goto(f"{web.url}/mises-a-jour/suivi")
    missing = "(box => box.scrollHeight - box.scrollTop - box.clientHeight)(document.getElementById('journal'))"
    for width in (360, 1280, 500):
        page.set_viewport_size({"width": width, "height": 700})
        wait_until(lambda: page.evaluate(missing) < 2, "the end")


def test_the_journal_keeps_its_end_where_a_line_and_a_new_size_come_together(page: Page, web: WebProcess) -> None:
    """The browser tells of the scroll first, once the lines are wrapped anew."""
    log(web, web.site.update(), 0, 60)
    page.goto(f"{web.url}/mises-a-jour/suivi")
    expect(page.locator("#journal li")).to_have_count(60)
    page.evaluate("(box => { box.scrollTop -= 1; box.style.width = '120px'; })(document.getElementById('journal'))")
    missing = "(box => box.scrollHeight - box.scrollTop - box.clientHeight)(document.getElementById('journal'))"
    wait_until(lambda: page.evaluate(missing) < 2, "the end", 20)


def test_a_browser_whose_clock_is_off_counts_the_same_seconds(page: Page, web: WebProcess) -> None:
    page.clock.install(time=now() + timedelta(minutes=10))
    number = follow(page, web)
    page.clock.run_for(2_000)
    expect(page.locator("#temps")).to_have_text(re.compile(r"^\d+\ss$"))
    web.site.phase(number, Phase.VERIFY, PhaseStatus.DONE)
    web.site.phase(number, Phase.STAGE, PhaseStatus.DOING)
    stage = page.locator('[data-phase="stage"]')
    expect(stage).to_have_attribute("data-status", "doing")
    page.clock.run_for(2_000)
    expect(stage.locator(".spent")).to_have_text(re.compile(r"^\d+\ss$"))
    let_refresh(page)
    page.clock.run_for(2_000)
    expect(page.locator("#temps")).to_have_text(re.compile(r"^\d+\ss$"))


def test_what_a_hook_says_of_its_progress_stays(page: Page, web: WebProcess) -> None:
    page.clock.install()
    number = follow(page, web)
    said = page.locator('[data-phase="verify"] .message')
    web.site.progress(number, Phase.VERIFY, 42.0, "Table des séjours")
    expect(said).to_have_text("Table des séjours")
    let_refresh(page)
    expect(said).to_have_text("Table des séjours")
    page.reload()
    expect(said).to_have_text("Table des séjours")
    web.site.phase(number, Phase.VERIFY, PhaseStatus.UNDOING)
    expect(said).to_have_text("")


def test_a_refresh_leaves_the_keyboard_where_it_is(page: Page, web: WebProcess) -> None:
    page.clock.install()
    follow(page, web)
    page.click("#annuler summary")
    cancel = page.get_by_role("button", name="Annuler cette mise à jour")
    cancel.focus()
    let_refresh(page)
    expect(cancel).to_be_focused()
    page.locator("#annuler summary").focus()
    let_refresh(page)
    expect(page.locator("#annuler summary")).to_be_focused()


def page_of(browser: Browser, web: WebProcess, **kind: Any) -> Page:
    """A page of that kind of browser, signed in."""
    page = browser.new_context(**kind).new_page()
    page.goto(f"{web.url}/connexion")
    sign_in(page)
    page.wait_for_url(f"{web.url}/")
    return page


def test_without_scripts_the_page_to_cancel_waits_for_its_reader(web: WebProcess, browser: Browser) -> None:
    number = web.site.update()
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{web.url}/connexion")
    sign_in(page)
    page.wait_for_url(f"{web.url}/")
    page.goto(f"{web.url}/mises-a-jour/suivi")
    link = page.locator(".unscripted a").last
    reloads = page.locator("meta[http-equiv=refresh]")
    expect(reloads).to_have_count(1)
    expect(page.locator("#annuler")).to_be_hidden()
    link.click()
    expect(reloads).to_have_count(0)
    expect(page.get_by_text("La plateforme reste en version 11.5.0.")).to_be_visible()
    link.click()
    expect(reloads).to_have_count(1)
    link.click()
    page.click("text=Annuler cette mise à jour")
    page.wait_for_url(f"**/suivi?update={number}&demande=1")
    page.context.close()


@pytest.mark.parametrize("polls", [True, False])
def test_the_journal_tells_the_servers_time_wherever_its_reader_is(
    web: WebProcess, browser: Browser, polls: bool
) -> None:
    page = page_of(browser, web, timezone_id="Pacific/Noumea")
    if polls:
        refuse_streams(page)
    number = follow(page, web)
    log(web, number, 0, 1)
    time = page.locator("#journal time")
    expect(time).to_have_count(1)
    live = time.inner_text()
    page.reload()
    expect(time).to_have_text(live)
    page.context.close()
