"""The hour in a real browser, at three widths: chosen at Import, changed in Suivi, announced; without scripts too."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from ospi_supervisor.domain.hour import Hour
from ospi_supervisor.domain.lifecycle import Phase
from ospi_supervisor.store.request_codec import decode
from ospi_supervisor.system.zone import local_zone
from tests.support.site import Archives, now
from tests.support.web_process import WebProcess
from tests.web.browsing import choose, expect_complete, sign_in
from tests.web.test_accessibility_in_browser import AUDIT, AXE, RULES

pytestmark = pytest.mark.system

WIDTHS = (390, 768, 1280)


def asked(web: WebProcess) -> list[Any]:
    """What the worker was asked, in order."""
    return [decode(row.kind, row.payload) for row in web.site.operations.web.requests_after(0)]


def typed(at: datetime) -> str:
    return f"{at.astimezone(local_zone()):%Y-%m-%dT%H:%M}"


def tonight() -> datetime:
    return (now() + timedelta(hours=9)).replace(second=0, microsecond=0)


def faults(page: Page) -> list[str]:
    """What axe and our own look find, at each width."""
    found: list[str] = []
    page.emulate_media(reduced_motion="reduce")
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        found += [f"{width}: {fault}" for fault in page.evaluate(AUDIT)]
        if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
            found.append(f"{width}: too wide")
        page.evaluate(AXE.read_text(encoding="utf-8"))
        found += [f"{width}: {violation}" for violation in page.evaluate(RULES)]
    return found


def test_the_hour_is_chosen_at_import_and_confirmed(page: Page, web: WebProcess, archives: Archives) -> None:
    at = tonight()
    choose(page, archives.good)
    expect_complete(page)
    page.check("#notice-read")
    page.check("#when-switch")
    page.fill("[name=switch_at]", typed(at))
    assert faults(page) == []
    page.click("#import-button")
    page.wait_for_url("**/suivi?demande=1")
    [request] = asked(web)
    assert (request.switch_at, request.start_at) == (at, None)


def test_an_hour_that_is_no_longer_meant_is_not_sent_and_one_that_is_missing_is_asked_for(
    page: Page, web: WebProcess, archives: Archives
) -> None:
    choose(page, archives.good)
    expect_complete(page)
    page.check("#notice-read")
    page.check("#when-switch")
    page.fill("[name=switch_at]", typed(tonight()))
    page.check("#when-start")
    expect(page.locator("[name=switch_at]")).to_be_hidden()
    page.click("#import-button")
    expect(page.locator("#import-error")).to_contain_text("Indiquez l'heure, ou choisissez « Maintenant »")
    assert asked(web) == []
    page.check("#when-now")
    page.click("#import-button")
    page.wait_for_url("**/suivi?demande=1")
    [request] = asked(web)
    assert (request.switch_at, request.start_at) == (None, None)


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_the_hour_is_changed_and_announced_in_suivi(browser: Browser, web: WebProcess, scripts: bool) -> None:
    web.site.engine.beat(now(), 1)
    number = web.site.prepared(now() + timedelta(hours=3))
    at = tonight()
    context = browser.new_context(locale="fr-FR", java_script_enabled=scripts, viewport={"width": 390, "height": 844})
    page = context.new_page()
    page.goto(f"{web.url}/mises-a-jour/suivi?update={number}&heure=1")
    sign_in(page)
    page.wait_for_url("**/suivi?**")
    expect(page.locator("#titre")).to_have_text("La mise à jour est prête.")
    page.fill("[name=switch_at]", typed(at))
    page.click("text=Changer l'heure >> nth=-1")
    page.wait_for_url("**demande=1")
    page.goto(f"{web.url}/mises-a-jour/suivi?update={number}&heure=1")
    page.click("text=Prévenir les utilisateurs…")
    page.select_option("[name=minutes]", "240")
    page.fill("[name=message]", "Enregistrez vos rapports avant.")
    page.click("text=Enregistrer l'annonce")
    page.wait_for_url("**demande=2")
    page.goto(f"{web.url}/mises-a-jour/suivi?update={number}&heure=1")
    page.click("text=Commencer sans attendre")
    page.wait_for_url("**demande=3")
    change, announcement, start = asked(web)
    assert (change.update_id, change.switch_at) == (number, at)
    assert (announcement.minutes, announcement.message) == (240, "Enregistrez vos rapports avant.")
    assert start.switch_at is None
    context.close()


@pytest.mark.parametrize("missed", [False, True], ids=["prepared", "missed"])
def test_suivi_of_a_prepared_update_has_no_fault_at_any_width(page: Page, web: WebProcess, missed: bool) -> None:
    web.site.engine.beat(now(), 1)
    web.site.prepared(None if missed else now() + timedelta(hours=3))
    page.goto(f"{web.url}/mises-a-jour/suivi?heure=1")
    page.click("text=Prévenir les utilisateurs…")
    assert faults(page) == []
    expect(page.locator("#titre")).to_contain_text("son heure est à choisir" if missed else "est prête")


def test_an_open_page_shows_another_hour_by_itself(page: Page, web: WebProcess) -> None:
    web.site.engine.beat(now(), 1)
    number = web.site.prepared(None)
    page.goto(f"{web.url}/mises-a-jour/suivi")
    expect(page.locator("#titre")).to_contain_text("son heure est à choisir")
    web.site.engine.set_hour(number, Hour(switch_at=tonight(), wake_at=tonight()))
    web.site.event(number, "hour", Phase.BACKUP, level="info", message="Heure changée par admin.")
    expect(page.locator("#titre")).to_have_text("La mise à jour est prête.")
    expect(page.locator("#journal")).to_contain_text("Heure changée par admin.")
