"""A whole update by the keyboard alone, and what whoever cannot see the pages is told in each phase."""

import re
import time

import psutil
import pytest
from playwright.sync_api import Page, expect

from ospi_supervisor.domain.lifecycle import Phase, rule_of
from tests.e2e.conftest import choose_archive
from tests.support.demo import FINAL, Client, RunningDemo
from tests.web.browsing import tab_to

pytestmark = [pytest.mark.system, pytest.mark.full]

LONG = (Phase.STAGE, Phase.BACKUP, Phase.REHEARSE, Phase.MIGRATE)
"""Phases that last longer than the worker is left alone between two looks."""
ALONE_SECONDS = 0.02


def listen(page: Page, client: Client, worker: psutil.Process) -> dict[str, str]:
    """The accessibility tree of Suivi in each phase, by its heading, until the update has ended.

    The worker is held while a tree is read: a phase of the demonstration can be shorter than its reading.
    """
    heard: dict[str, str] = {}
    while not (updates := client.get("api/updates")) or updates[0]["status"] not in FINAL:
        time.sleep(ALONE_SECONDS)
        worker.suspend()
        try:
            heard |= shown(page, client)
        finally:
            worker.resume()
    return heard


def shown(page: Page, client: Client) -> dict[str, str]:
    """The tree of the phase that is at work, by its heading, where one is."""
    answer = client.http.get(f"{client.base}/api/updates/1", timeout=60)
    if not answer.ok:  # there is none yet, or the worker was stopped while it held the database
        return {}
    titles = [rule_of(Phase(row["name"])).title for row in answer.json()["phases"] if row["status"] == "doing"]
    if titles:
        page.wait_for_url("**/suivi?update=1")
        expect(page.locator("#titre")).to_have_text(titles[0])
    return {title: page.locator("#contenu").aria_snapshot() for title in titles}


def test_a_whole_update_by_the_keyboard_alone(demo: RunningDemo, page: Page) -> None:
    account = demo.document["admin"]
    client, worker = Client(demo), psutil.Process(demo.document["pids"]["worker"])
    page.goto(f"{demo.url}/superviseur/")
    expect(page.get_by_label("Identifiant")).to_be_focused()
    page.keyboard.type(account["username"])
    page.keyboard.press("Tab")
    page.keyboard.type(account["password"])
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Tableau de bord")).to_be_visible()
    tab_to(page, ".menu a[href$='/mises-a-jour/']")
    page.keyboard.press("Enter")
    page.wait_for_url("**/import")
    tab_to(page, "#archive")
    choose_archive(page, demo.archive("good"))  # the system's own window is not the page's
    expect(page.locator("#import-form")).to_be_visible()
    tab_to(page, "#notice-read")
    page.keyboard.press("Space")
    tab_to(page, "#import-button")
    page.keyboard.press("Enter")
    heard = listen(page, client, worker)
    assert {rule_of(phase).title for phase in LONG} <= set(heard)
    for title, tree in heard.items():
        assert "Ne redémarrez pas le serveur." in tree, title
        assert 'progressbar "Avancement de la mise à jour"' in tree, title
        assert re.search(r"term: Vos utilisateurs voient\s+- definition: (la plateforme|la page)", tree), tree
    page_shown = heard[rule_of(Phase.MIGRATE).title]
    assert "la page de maintenance" in page_shown
    assert "L'annulation n'est plus possible." in page_shown

    expect(page.locator("#titre")).to_have_text("La mise à jour a réussi.")
    assert 'heading "La mise à jour a réussi."' in page.locator("#contenu").aria_snapshot()
    tab_to(page, ".hero .actions .primary")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Version 11.6.0", exact=True)).to_be_visible()
