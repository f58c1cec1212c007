"""Our scripts in a real browser: an upload that nothing stops, pages that fit a phone and stand in line."""

import signal
import threading
from datetime import timedelta

import pytest
from playwright.sync_api import Browser, Page, Request, Route, expect

from ospi_supervisor.domain.lifecycle import Phase, UpdateStatus
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
    dialog.locator(".primary").click()
    expect(dialog.locator(".error")).to_have_text("Identifiant ou mot de passe incorrect")
    dialog.locator("[name=password]").fill(PASSWORD)
    dialog.locator(".primary").click()
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
    page.locator("dialog .primary").click()
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
    assert len(edges) == len(Phase) - 1  # no validation was asked for
    assert len(set(edges)) == 1


def test_a_page_that_waits_goes_on_wherever_in_it_one_looks(page: Page, web: WebProcess) -> None:
    """With a part in its address (a form's, or « Aller au contenu »), a browser only moves to it, and loads nothing."""
    web.site.engine.beat(now(), 1)
    page.goto(f"{web.url}/parametres/general")
    page.get_by_role("radio", name="OUI").check()
    page.get_by_role("button", name="Enregistrer").click()
    expect(page.get_by_text("Le changement est transmis")).to_be_visible()
    page.evaluate("location.hash = 'contenu'")
    [asked] = web.site.operations.web.requests_after(0)
    web.site.engine.answer(asked.id, accepted=True, now=now())
    expect(page.get_by_text("Paramètre enregistré.")).to_be_visible()
