"""Our scripts in a real browser: an upload that nothing stops, and a Suivi that loses and repeats nothing."""

import signal
import threading
from datetime import timedelta

import pytest
from playwright.sync_api import Browser, Page, Request, Route, expect

from ospi_supervisor.domain.lifecycle import Phase, PhaseStatus, UpdateStatus
from ospi_supervisor.store.web_models import Session
from tests.support.site import PASSWORD, Archives, now
from tests.support.web_process import WebProcess
from tests.web.browsing import SLICES, Slices, choose, expect_complete

pytestmark = pytest.mark.system


def test_an_upload_survives_the_death_of_the_server(page: Page, web: WebProcess, archives: Archives) -> None:
    def kill() -> None:
        web.stop(signal.SIGKILL)
        threading.Timer(1.0, web.start).start()

    slices = Slices(page, kill)
    choose(page, archives.large)
    expect_complete(page)
    assert slices.offsets[:2] == [0, 1024 * 1024]
    [row] = web.site.operations.web.uploads()
    assert row.complete


def test_an_upload_goes_on_after_its_tab_was_closed(page: Page, web: WebProcess, archives: Archives) -> None:
    def is_later(request: Request) -> bool:
        return request.method == "PATCH" and request.headers["upload-offset"] != "0"

    def hold(route: Route) -> None:
        if is_later(route.request):  # never sent: the tab is closed meanwhile
            route.abort()
        else:
            route.continue_()

    page.route(SLICES, hold)
    with page.expect_request(is_later):
        choose(page, archives.large)
    expect(page.locator("#verifications")).to_be_visible()
    page.close(run_before_unload=False)
    again = page.context.new_page()
    again.goto(f"{web.url}/mises-a-jour/import")
    expect(again.locator("#inacheves")).to_contain_text(archives.large.name)
    slices = Slices(again)
    choose(again, archives.large)
    expect_complete(again)
    assert slices.offsets[0] == 1024 * 1024
    assert len(web.site.operations.web.uploads()) == 1


def test_a_session_that_ends_during_the_upload_is_renewed_in_place(
    page: Page, web: WebProcess, archives: Archives
) -> None:
    Slices(page, lambda: Session.update(token_sha256="elle n'existe plus").execute())
    choose(page, archives.large)
    dialog = page.locator("dialog")
    expect(dialog).to_contain_text("Votre session est terminée")
    dialog.locator("[name=username]").fill("admin")
    dialog.locator("[name=password]").fill("faux mot de passe")
    dialog.locator("button").click()
    expect(dialog.locator(".error")).to_have_text("Identifiant ou mot de passe incorrect")
    dialog.locator("[name=password]").fill(PASSWORD)
    dialog.locator("button").click()
    expect_complete(page)
    assert page.url.endswith("/mises-a-jour/import")


def test_import_becomes_active_with_the_notice_and_asks_for_an_old_password_again(
    page: Page, web: WebProcess, archives: Archives
) -> None:
    choose(page, archives.good)
    expect_complete(page)
    button = page.locator("#import-button")
    expect(button).to_be_disabled()
    page.check("#notice-read")
    expect(button).to_be_enabled()
    Session.update(created_at=now() - timedelta(hours=1)).execute()
    button.click()
    page.locator("dialog [name=password]").fill(PASSWORD)
    page.locator("dialog button").click()
    page.wait_for_url("**/suivi?demande=1")
    [request] = web.site.operations.web.requests_after(0)
    assert request.kind == "import"


@pytest.mark.parametrize("name", ["empty", "unsigned", "decompressed", "wrong_product"])
def test_a_bad_archive_is_refused_in_the_page(page: Page, archives: Archives, name: str) -> None:
    choose(page, archives.bad[name])
    expect(page.locator(f'#refus[data-code="{name}"]')).to_contain_text("Rien n'a été installé ni conservé")
    choose(page, archives.good)
    expect_complete(page)


def test_suspended_it_waits_and_then_goes_on(page: Page, archives: Archives) -> None:
    slices = Slices(page, lambda: page.evaluate("document.getElementById('pause').click()"), number=1)
    choose(page, archives.large)
    expect(page.locator("#envoi-etat")).to_have_text("Suspendu")
    sent = len(slices.offsets)
    page.wait_for_timeout(500)
    assert len(slices.offsets) == sent
    page.click("text=Reprendre")
    expect_complete(page)


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


@pytest.mark.parametrize(
    "path", ["", "mises-a-jour/import", "mises-a-jour/suivi", "mises-a-jour/historique", "support"]
)
def test_no_page_is_wider_than_a_phone_or_breaks_our_own_policy(page: Page, web: WebProcess, path: str) -> None:
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    web.site.update(UpdateStatus.ROLLED_BACK)
    page.goto(f"{web.url}/{path}", wait_until="networkidle")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert problems == []


def test_the_name_of_an_unfinished_upload_is_wider_than_no_phone_either(page: Page, web: WebProcess) -> None:
    name = "a" * 240 + ".ospi"
    web.site.operations.uploads.create(name, 1024, "admin")
    page.reload()
    expect(page.locator("#inacheves a")).to_have_text(name)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_sign_in_page_is_wider_than_no_phone_either(web: WebProcess, browser: Browser) -> None:
    context = browser.new_context(viewport={"width": 320, "height": 640})
    page = context.new_page()
    page.goto(f"{web.url}/connexion")
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    context.close()


def test_after_a_wrong_password_only_the_password_is_typed_again(web: WebProcess, browser: Browser) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{web.url}/connexion")
    expect(page.locator("[name=username]")).to_be_focused()
    page.keyboard.type("admin")
    page.fill("[name=password]", "faux mot de passe")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("Identifiant ou mot de passe incorrect")
    expect(page.locator("[name=username]")).to_have_value("admin")
    expect(page.locator("[name=password]")).to_be_focused()
    context.close()


def test_on_a_desk_things_stand_in_line(page: Page, web: WebProcess) -> None:
    def box(selector: str) -> dict[str, float]:
        found: dict[str, float] = page.locator(selector).evaluate("element => element.getBoundingClientRect().toJSON()")
        return found

    page.set_viewport_size({"width": 1280, "height": 800})
    page.goto(f"{web.url}/mises-a-jour/activation")
    assert box("#resume form")["top"] < box("#resume h2")["bottom"]
    assert box("#conditions .actions")["top"] - box("#conditions .prerequisites:last-of-type")["bottom"] >= 12
    web.site.update(UpdateStatus.ROLLED_BACK)
    page.goto(f"{web.url}/mises-a-jour/suivi")
    texts = ["", "2 s", "moins de 1 s", "59 min 59 s", "23 h 59 min"]
    page.locator("#phases .spent").evaluate_all(
        "(cells, texts) => cells.forEach((cell, number) => cell.textContent = texts[number % texts.length])", texts
    )
    edges = page.locator("#phases .status").evaluate_all(
        "cells => cells.map((cell) => cell.getBoundingClientRect().right)"
    )
    assert len(edges) == 13
    assert len(set(edges)) == 1
