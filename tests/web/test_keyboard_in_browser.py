"""An import by the keyboard alone, and what whoever cannot see Suivi hears: each phase and the end, once."""

from playwright.sync_api import Page, expect

from ospi_supervisor.domain.lifecycle import Phase, PhaseStatus, UpdateStatus, rule_of
from tests.support.site import Archives, now
from tests.support.web_process import WebProcess
from tests.web.browsing import choose, expect_complete, tab_to
from tests.web.following import end, follow

LISTEN = """() => {
  window.heard = [];
  const box = document.getElementById("annonce");
  new MutationObserver(() => window.heard.push(box.textContent))
    .observe(box, { childList: true, characterData: true, subtree: true });
}"""
PHASES = (Phase.STAGE, Phase.BACKUP, Phase.MIGRATE, Phase.REOPEN)


def test_an_archive_is_installed_by_the_keyboard_alone(page: Page, web: WebProcess, archives: Archives) -> None:
    assert tab_to(page, ".skip") == 1
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "contenu"
    tab_to(page, "#archive")
    choose(page, archives.good)  # the system's own window is not the page's
    expect_complete(page)
    assert page.evaluate("document.activeElement.id") == "archive", "the focus stays where the act was"
    assert tab_to(page, "#notice-read") < 12, "the notice's own pages are passed over"
    expect(page.locator("#import-button")).to_be_disabled()
    page.keyboard.press("Space")
    tab_to(page, "#import-button")
    page.keyboard.press("Enter")
    page.wait_for_url("**/suivi?demande=*")
    assert len(web.site.operations.web.requests_after(0)) == 1


def test_each_phase_and_the_end_are_heard_once(page: Page, web: WebProcess) -> None:
    web.site.engine.beat(now(), 1)
    number = follow(page, web)
    expect(page.locator("#titre")).to_have_text(rule_of(Phase.VERIFY).title)
    page.evaluate(LISTEN)
    before = Phase.VERIFY
    for phase in PHASES:
        web.site.engine.beat(now(), 1)
        end(web, number, before)
        web.site.phase(number, phase, PhaseStatus.DOING)
        expect(page.locator("#titre")).to_have_text(rule_of(phase).title)
        before = phase
    end(web, number, before)
    web.site.engine.finish(number, UpdateStatus.SUCCEEDED, now())
    web.site.event(number, "end", Phase.CLEANUP, status=UpdateStatus.SUCCEEDED)
    expect(page.locator("#titre")).to_have_text("La mise à jour a réussi.")
    assert page.evaluate("window.heard") == [*(rule_of(phase).title for phase in PHASES), "La mise à jour a réussi."]
    hears = page.locator("#suivi").aria_snapshot()
    assert 'heading "La mise à jour a réussi."' in hears
    assert 'link "Ouvrir la plateforme"' in hears
