"""An upload over a line that is slow, or on which nothing moves any more."""

import pytest
from playwright.sync_api import Page, expect

from tests.support.site import Archives
from tests.support.web_process import WebProcess
from tests.web.browsing import SLICES, choose, expect_complete, hold, wait_for

pytestmark = pytest.mark.system

WATCHED_BAR = """() => {
  window.seen = new Set();
  const bar = document.getElementById("envoi-barre");
  new MutationObserver(() => window.seen.add(bar.value)).observe(bar, { attributes: true });
}"""


def test_progress_is_seen_within_a_slice(page: Page, web: WebProcess, archives: Archives) -> None:
    line = page.context.new_cdp_session(page)
    conditions = {"offline": False, "latency": 20, "downloadThroughput": -1, "uploadThroughput": 400_000}
    line.send("Network.enable")
    line.send("Network.emulateNetworkConditions", conditions)
    page.evaluate(WATCHED_BAR)
    choose(page, archives.large)
    expect(page.locator("#envoi-detail")).to_contain_text("/s · encore")
    line.send("Network.emulateNetworkConditions", conditions | {"uploadThroughput": -1})
    expect_complete(page)
    slices = 2 + archives.large.stat().st_size // (4 * 1024 * 1024)
    assert page.evaluate("window.seen.size") > 2 * slices


def test_a_line_on_which_nothing_moves_is_given_up(page: Page, web: WebProcess, archives: Archives) -> None:
    page.clock.install()
    held = hold(page, SLICES, "PATCH", number=2)
    choose(page, archives.large)
    wait_for(page, held)
    page.clock.fast_forward(59_000)
    expect(page.locator("#envoi-etat")).to_have_text("Envoi en cours")
    page.clock.fast_forward(2_000)
    expect(page.locator("#envoi-etat")).to_have_text("Connexion coupée, nouvel essai…")
    page.clock.resume()
    expect_complete(page)
    assert len(web.site.operations.web.uploads()) == 1


def test_suspended_it_stays_so_while_the_line_is_cut(page: Page, web: WebProcess, archives: Archives) -> None:
    held = hold(page, SLICES, "PATCH", number=2)
    choose(page, archives.large)
    slice_sent = wait_for(page, held)
    page.click("#pause")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.method) if SLICES.search(request.url) else None)
    slice_sent.abort()
    page.wait_for_timeout(1_500)
    expect(page.locator("#envoi-etat")).to_have_text("Suspendu")
    expect(page.locator("#pause")).to_have_text("Reprendre")
    assert asked == []
    page.click("#pause")
    expect(page.locator("#pause")).to_have_text("Suspendre")
    expect_complete(page)
