"""The main job in a browser: from the portal's gear to the portal on its new release."""

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Shoot, check_suivi_showed_every_phase, choose_archive, record_states, sign_in
from tests.support.demo import Client, RunningDemo
from tests.support.watch import watching, without_repeats

pytestmark = pytest.mark.system


def test_from_the_gear_to_the_portal_on_its_new_release(demo: RunningDemo, page: Page, shoot: Shoot) -> None:
    rows_before = demo.data()["rows"]
    page.goto(demo.url)
    expect(page.get_by_text("Version 11.5.0", exact=True)).to_be_visible()
    shoot(page, "01-portail-11.5.0")

    page.get_by_role("link", name="Superviseur").click()
    expect(page).to_have_url(re.compile("/superviseur/connexion"))
    shoot(page, "02-connexion")
    sign_in(page, demo)
    expect(page).to_have_title(re.compile("Tableau de bord"))
    shoot(page, "03-tableau-de-bord")

    send_archive(page, demo, shoot)
    portal = page.context.new_page()
    portal.goto(demo.url)
    with watching(demo.url) as seen:
        page.get_by_label("J'ai lu la notice").check()
        page.locator("#import-button").click()
        expect(page).to_have_url(re.compile("suivi.update="))
        record_states(page)
        follow_until_the_end(page, portal, shoot)
    check_what_users_saw(seen)
    check_suivi_showed_every_phase(page)

    portal.bring_to_front()
    expect(portal.get_by_text("Version 11.6.0", exact=True)).to_be_visible()
    expect(portal.get_by_text("Durée moyenne de séjour par niveau de sévérité")).to_be_visible()
    shoot(portal, "09-portail-11.6.0")
    page.bring_to_front()
    page.get_by_role("link", name="Historique").click()
    expect(page.get_by_text("11.6.0").first).to_be_visible()
    shoot(page, "10-historique")
    assert demo.data()["schema"] == "1160"
    assert demo.data()["rows"] != rows_before


def send_archive(page: Page, demo: RunningDemo, shoot: Shoot) -> None:
    """From the menu to the notice of the release that was sent."""
    page.get_by_role("link", name="Mises à jour").click()
    expect(page.get_by_text("Sélectionner un fichier")).to_be_visible()
    shoot(page, "04-import")
    choose_archive(page, demo.archive("good"))
    expect(page.locator("#verifications")).to_contain_text("11.6.0")
    expect(page.locator("#notice iframe")).to_be_visible()
    shoot(page, "05-verifications")
    page.locator("#notice iframe").scroll_into_view_if_needed()
    # The browser's PDF reader does not say when it has painted: so many milliseconds at each size.
    shoot(page, "05-notice", full_page=False, paints_for=3000)


def follow_until_the_end(page: Page, portal: Page, shoot: Shoot) -> None:
    """Suivi in one tab, the portal in another that its user leaves alone once the page is there."""
    expect(page.locator("[data-phase=migrate]")).to_have_attribute("data-status", "doing", timeout=180_000)
    portal.reload()
    expect(portal.get_by_role("heading", name="Mise à jour en cours")).to_be_visible()
    shoot(page, "06-suivi")
    shoot(portal, "07-maintenance")
    expect(portal.get_by_text("Version 11.6.0", exact=True)).to_be_visible(timeout=180_000)
    expect(page.locator("#etat-contenu")).to_have_attribute("data-active", "no", timeout=180_000)
    shoot(page, "08-suivi-reussie")


def check_what_users_saw(seen: list[str]) -> None:
    """Old, page, new: nothing else and in that order."""
    assert without_repeats(seen) == ["11.5.0", "page", "11.6.0"]


def test_the_journal_and_the_hooks_log_are_complete_afterwards(demo: RunningDemo) -> None:
    client = Client(demo)
    update: dict[str, Any] = client.get("api/updates")[0]
    assert (update["status"], update["from"], update["to"]) == ("succeeded", "11.5.0", "11.6.0")
    events = client.get(f"api/updates/{update['id']}/events?after=0")["events"]
    assert [event["id"] for event in events] == sorted({event["id"] for event in events})
    assert events[-1]["event"] == "end"
    done = [event["data"]["phase"] for event in events if event["data"].get("status") == "done"]
    assert done == [step["name"] for step in client.get(f"api/updates/{update['id']}")["phases"]]
    assert "rehearse" in done
    log = demo.cli("log", str(update["id"]))
    assert log.returncode == 0
    assert "documents : 3 au catalogue" in log.stdout


def test_the_demo_finds_its_state_again(demo: RunningDemo) -> None:
    """Ctrl-C, then a second start: the same accounts, the new release, nothing prepared again."""
    accounts = demo.document["admin"]
    key = demo.layout.support_key.stat().st_mtime_ns
    assert demo.stop() == 0
    demo.start()
    assert demo.layout.support_key.stat().st_mtime_ns == key
    assert demo.document["admin"] == accounts
    assert demo.portal_version() == "11.6.0"
    assert Client(demo).get("api/status")["version"] == "11.6.0"
