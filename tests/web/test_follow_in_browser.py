"""Suivi in a real browser: it loses and repeats nothing, and says what is so."""

import signal
from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect

from ospi_supervisor.domain.lifecycle import Phase, PhaseStatus, UpdateStatus
from tests.support.site import now
from tests.support.web_process import WebProcess
from tests.web.browsing import hold, wait_for
from tests.web.following import follow, let_refresh, log, refuse_streams

pytestmark = pytest.mark.system


def journal(page: Page) -> list[str]:
    return page.locator("#journal li span").all_inner_texts()


def test_nothing_turns_while_nothing_goes_on(page: Page, web: WebProcess) -> None:
    web.site.engine.beat(now() - timedelta(hours=1), 1)  # the worker's last sign of life
    follow(page, web)
    expect(page.locator("#titre")).to_have_text("Service de mise à jour arrêté : rien n'avance.")
    at_work = page.locator('[data-phase="verify"]')
    expect(at_work.locator(".status")).to_have_text("à l'arrêt")
    expect(at_work.locator(".mark")).to_have_css("animation-name", "none")
    web.site.engine.beat(now(), 1)
    page.reload()
    expect(at_work.locator(".status")).to_have_text("en cours")
    expect(at_work.locator(".mark")).to_have_css("animation-name", "turn")


def test_phases_move_without_reloading(page: Page, web: WebProcess) -> None:
    number = follow(page, web)
    page.evaluate("window.untouched = true")
    web.site.phase(number, Phase.VERIFY, PhaseStatus.DONE)
    web.site.phase(number, Phase.STAGE, PhaseStatus.DOING)
    expect(page.locator('[data-phase="verify"]')).to_have_attribute("data-status", "done")
    stage = page.locator('[data-phase="stage"]')
    expect(stage).to_have_attribute("data-status", "doing")
    web.site.progress(number, Phase.STAGE, 42.0, "1 200 fichiers")
    expect(stage.locator("progress")).to_have_attribute("value", "42")
    expect(stage.locator(".message")).to_have_text("1 200 fichiers")
    web.site.engine.set_failure(number, Phase.STAGE, "disque plein")
    web.site.engine.finish(number, UpdateStatus.FAILED, now())
    web.site.event(number, "end", Phase.STAGE, status="failed")
    expect(page.locator("#etat")).to_contain_text("Disque plein.")
    assert page.evaluate("window.untouched")


def test_an_account_older_than_what_was_heard_takes_no_progress_back(page: Page, web: WebProcess) -> None:
    web.site.engine.beat(now(), 1)
    number = follow(page, web)
    title = page.locator("#titre").inner_text()
    held = hold(page, "**/etat?*", "GET")
    web.site.phase(number, Phase.VERIFY, PhaseStatus.DONE)
    web.site.phase(number, Phase.STAGE, PhaseStatus.DOING)
    late = wait_for(page, held)
    account = late.fetch()
    stage = page.locator('[data-phase="stage"]')
    web.site.progress(number, Phase.STAGE, 42.0, "1 200 fichiers")
    expect(stage.locator("progress")).to_have_attribute("value", "42")
    late.fulfill(response=account)
    expect(page.locator("#titre")).not_to_have_text(title)
    assert stage.locator("progress").get_attribute("value") == "42"
    assert stage.locator(".message").inner_text() == "1\N{NO-BREAK SPACE}200 fichiers"


def test_the_menu_says_when_an_update_waits_for_its_hour(page: Page, web: WebProcess) -> None:
    number = follow(page, web)
    expect(page.locator(".menu .pill")).to_have_text("en cours")
    web.site.hold(number, now() + timedelta(hours=4))
    expect(page.locator(".menu .pill")).to_have_text("prête")
    web.site.engine.finish(number, UpdateStatus.CANCELLED, now())
    web.site.event(number, "end", Phase.BACKUP, status="cancelled")
    expect(page.locator(".menu .pill")).to_be_hidden()


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
    web.site.engine.beat(now(), 1)
    web.site.engine.resume(number)
    web.site.phase(number, Phase.MIGRATE, PhaseStatus.UNDOING)
    log(web, number, 0, 1)


def test_what_somebody_else_takes_up_again_is_followed_again(page: Page, web: WebProcess) -> None:
    page.clock.install()
    number = follow(page, web)
    need_intervention(web, number)
    page.fill("[name=code]", "un code à moitié tapé")
    let_refresh(page)
    expect(page.locator("[name=code]")).to_have_value("un code à moitié tapé")
    web.site.config.maintenance.flag.touch()
    resume(web, number)
    let_refresh(page)
    expect(page.locator("#etat .badge")).to_have_text("retour à l'ancienne version")
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
    held = hold(page, "**/etat?*", "GET")
    hide(page, False)
    late = wait_for(page, held)
    answer = late.fetch()
    end(web, number, UpdateStatus.SUCCEEDED)
    expect(page.locator("#etat .badge")).to_have_text("réussie")
    with page.expect_response("**/etat?*"):
        late.fulfill(response=answer)
    page.wait_for_timeout(300)
    expect(page.locator("#etat .badge")).to_have_text("réussie")
