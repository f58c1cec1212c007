"""Suivi in a real browser: it loses and repeats nothing, and says what is so."""

import re
import signal
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from ospi_supervisor.domain.lifecycle import Phase, PhaseStatus, UpdateStatus
from tests.support.site import now
from tests.support.web_process import WebProcess
from tests.web.browsing import hold, sign_in, wait_for

pytestmark = pytest.mark.system


def follow(page: Page, web: WebProcess) -> int:
    number = web.site.update()
    page.goto(f"{web.url}/mises-a-jour/suivi")
    return number


def log(web: WebProcess, number: int, first: int, count: int) -> None:
    for line in range(first, first + count):
        web.site.event(number, "log", Phase.STAGE, level="info", message=f"ligne {line}.")


def journal(page: Page) -> list[str]:
    return page.locator("#journal li span").all_inner_texts()


def test_phases_move_without_reloading(page: Page, web: WebProcess) -> None:
    number = follow(page, web)
    page.evaluate("window.untouched = true")
    web.site.phase(number, Phase.VERIFY, PhaseStatus.DONE)
    web.site.phase(number, Phase.STAGE, PhaseStatus.DOING)
    expect(page.locator('[data-phase="verify"]')).to_have_attribute("data-status", "done")
    stage = page.locator('[data-phase="stage"]')
    expect(stage).to_have_attribute("data-status", "doing")
    web.site.event(number, "progress", Phase.STAGE, percent=42.0, message="1 200 fichiers")
    expect(stage.locator("progress")).to_have_attribute("value", "42")
    expect(stage.locator(".message")).to_have_text("1 200 fichiers")
    web.site.engine.set_failure(number, Phase.STAGE, "disque plein")
    web.site.engine.finish(number, UpdateStatus.FAILED, now())
    web.site.event(number, "end", Phase.STAGE, status="failed")
    expect(page.locator("#etat")).to_contain_text("Disque plein.")
    assert page.evaluate("window.untouched")


def test_no_event_is_lost_or_repeated_across_a_kill(page: Page, web: WebProcess) -> None:
    number = follow(page, web)
    log(web, number, 0, 3)
    expect(page.locator("#journal li")).to_have_count(3)
    web.stop(signal.SIGKILL)
    log(web, number, 3, 3)
    expect(page.locator("#liaison")).to_contain_text("La mise à jour continue")
    web.start()
    log(web, number, 6, 3)
    expect(page.locator("#journal li")).to_have_count(9)
    page.wait_for_timeout(500)
    assert journal(page) == [f"ligne {line}." for line in range(9)]
    expect(page.locator("#liaison")).to_be_hidden()


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


def hide(page: Page, hidden: bool = True) -> None:
    """What the browser tells a tab that goes behind another, or comes back; without a screen it tells nothing."""
    page.evaluate(
        "hidden => { Object.defineProperty(document, 'hidden', { configurable: true, value: hidden });"
        " document.dispatchEvent(new Event('visibilitychange')); }",
        hidden,
    )


def test_tabs_that_nobody_sees_leave_the_server_to_the_others(page: Page, web: WebProcess) -> None:
    """A browser keeps six connections to a server at most."""
    follow(page, web)
    for _ in range(6):
        hide(page)
        page = page.context.new_page()
        page.goto(f"{web.url}/mises-a-jour/suivi", timeout=15_000)
    page.goto(f"{web.url}/mises-a-jour/historique", timeout=15_000)
    expect(page.locator("table")).to_be_visible()


def test_a_tab_seen_again_goes_on_where_it_stood(page: Page, web: WebProcess) -> None:
    number = follow(page, web)
    log(web, number, 0, 3)
    expect(page.locator("#journal li")).to_have_count(3)
    hide(page)
    log(web, number, 3, 3)
    web.site.engine.request_cancel(number)
    page.wait_for_timeout(1000)
    assert len(journal(page)) == 3
    hide(page, False)
    expect(page.locator("#etat")).to_contain_text("Annulation demandée")
    expect(page.locator("#journal li")).to_have_count(6)
    log(web, number, 6, 3)
    expect(page.locator("#journal li")).to_have_count(9)
    assert journal(page) == [f"ligne {line}." for line in range(9)]


def refuse_streams(page: Page) -> list[str]:
    """The server streams nothing to that page; what it accepts, each time that it asks for events."""
    asked: list[str] = []

    def no_stream(route: Route) -> None:
        asked.append(route.request.headers["accept"])
        if "event-stream" in asked[-1]:
            route.fulfill(status=503)
        else:
            route.continue_()

    page.route("**/events?*", no_stream)
    return asked


def test_a_tab_that_polls_does_not_poll_twice_once_seen_again(page: Page, web: WebProcess) -> None:
    asked = refuse_streams(page)
    number = follow(page, web)
    log(web, number, 0, 3)
    expect(page.locator("#journal li")).to_have_count(3)
    for hidden in (True, False, True, False):
        hide(page, hidden)
    log(web, number, 3, 3)
    expect(page.locator("#journal li")).to_have_count(6)
    asked.clear()
    page.wait_for_timeout(5000)
    assert 1 <= len(asked) <= 3, "one loop asks every two seconds"
    assert not any("event-stream" in accept for accept in asked)


def test_without_a_stream_the_page_polls(page: Page, web: WebProcess) -> None:
    refuse_streams(page)
    number = follow(page, web)
    log(web, number, 0, 3)
    expect(page.locator("#journal li")).to_have_count(3)
    log(web, number, 3, 700)
    expect(page.locator("#journal li")).to_have_count(703)
    assert journal(page)[-1] == "ligne 702."


def test_a_flood_of_output_leaves_the_page_usable(page: Page, web: WebProcess) -> None:
    number = follow(page, web)
    with web.site.engine.transaction():
        for batch in range(100):
            lines = "\n".join(f"sortie {100 * batch + line}" for line in range(100))
            web.site.event(number, "log", Phase.MIGRATE, level="output", message=lines)
    expect(page.locator("#sortie")).to_contain_text("sortie 9999")
    assert len(page.inner_text("#sortie").splitlines()) <= 200
    page.goto(f"{web.url}/mises-a-jour/historique")
    expect(page.locator("table")).to_be_visible()


def end(web: WebProcess, number: int, status: UpdateStatus) -> None:
    with web.site.engine.transaction():
        web.site.engine.finish(number, status, now())
        web.site.event(number, "end", Phase.MIGRATE, status=status)


def need_intervention(web: WebProcess, number: int) -> None:
    web.site.engine.set_failure(number, Phase.MIGRATE, "panne")
    web.site.engine.lock_version("portail-bi", "11.6.0", number, now())
    end(web, number, UpdateStatus.INTERVENTION)


def resume(web: WebProcess, number: int) -> None:
    web.site.engine.resume(number)
    web.site.phase(number, Phase.MIGRATE, PhaseStatus.UNDOING)
    log(web, number, 0, 1)


def let_refresh(page: Page) -> None:
    with page.expect_response("**/etat"):
        page.clock.run_for(31_000)


def test_what_somebody_else_takes_up_again_is_followed_again(page: Page, web: WebProcess) -> None:
    page.clock.install()
    number = follow(page, web)
    need_intervention(web, number)
    page.fill("[name=code]", "un code à moitié tapé")
    let_refresh(page)
    expect(page.locator("[name=code]")).to_have_value("un code à moitié tapé")
    resume(web, number)
    let_refresh(page)
    expect(page.locator("#etat .badge")).to_have_text("en cours")
    expect(page.get_by_role("button", name="Reprendre")).to_have_count(0)
    expect(page.locator("#journal li")).to_have_count(1)
    end(web, number, UpdateStatus.ROLLED_BACK)
    expect(page.locator("#etat")).to_contain_text("la plateforme est revenue à l'ancienne version")


@pytest.mark.parametrize("left_at_its_stop", [True, False])
def test_a_tab_seen_again_knows_of_each_end(page: Page, web: WebProcess, left_at_its_stop: bool) -> None:
    number = follow(page, web)
    if left_at_its_stop:
        need_intervention(web, number)
        expect(page.locator("#etat")).to_contain_text("une intervention est nécessaire")
    hide(page)
    if not left_at_its_stop:
        need_intervention(web, number)
    resume(web, number)
    if left_at_its_stop:
        end(web, number, UpdateStatus.ROLLED_BACK)
    hide(page, False)
    expect(page.locator("#journal li")).to_have_count(1)
    if not left_at_its_stop:
        end(web, number, UpdateStatus.ROLLED_BACK)
    expect(page.locator("#etat")).to_contain_text("la plateforme est revenue à l'ancienne version")


def test_an_answer_that_comes_late_does_not_replace_the_end(page: Page, web: WebProcess) -> None:
    number = follow(page, web)
    held = hold(page, "**/etat", "GET")
    hide(page, False)
    late = wait_for(page, held)
    answer = late.fetch()
    end(web, number, UpdateStatus.SUCCEEDED)
    expect(page.locator("#etat .badge")).to_have_text("réussie")
    with page.expect_response("**/etat"):
        late.fulfill(response=answer)
    page.wait_for_timeout(300)
    expect(page.locator("#etat .badge")).to_have_text("réussie")


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


def test_a_browser_whose_clock_is_off_counts_the_same_seconds(page: Page, web: WebProcess) -> None:
    page.clock.install(time=now() + timedelta(minutes=10))
    number = follow(page, web)
    page.clock.run_for(2_000)
    expect(page.locator("#temps")).to_have_text(re.compile(r"^\d+ s$"))
    web.site.phase(number, Phase.VERIFY, PhaseStatus.DONE)
    web.site.phase(number, Phase.STAGE, PhaseStatus.DOING)
    stage = page.locator('[data-phase="stage"]')
    expect(stage).to_have_attribute("data-status", "doing")
    page.clock.run_for(2_000)
    expect(stage.locator(".spent")).to_have_text(re.compile(r"^\d+ s$"))
    let_refresh(page)
    page.clock.run_for(2_000)
    expect(page.locator("#temps")).to_have_text(re.compile(r"^\d+ s$"))


def test_what_a_hook_says_of_its_progress_stays(page: Page, web: WebProcess) -> None:
    page.clock.install()
    number = follow(page, web)
    said = page.locator('[data-phase="verify"] .message')
    web.site.event(number, "progress", Phase.VERIFY, percent=42.0, message="Table des séjours")
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
    page.click("summary")
    cancel = page.get_by_role("button", name="Annuler cette mise à jour")
    cancel.focus()
    let_refresh(page)
    expect(cancel).to_be_focused()
    page.locator("summary").focus()
    let_refresh(page)
    expect(page.locator("summary")).to_be_focused()


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
    page.goto(f"{web.url}/mises-a-jour/suivi")
    link = page.locator("noscript a")
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
