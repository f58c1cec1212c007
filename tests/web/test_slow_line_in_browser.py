"""An upload over a line that is slow, or on which nothing moves any more."""

import pytest
from playwright.sync_api import CDPSession, Page, expect

from ospi_supervisor.store.web_models import Session
from tests.support.site import Archives
from tests.support.web_process import WebProcess
from tests.web.browsing import SLICES, Slices, choose, expect_complete, hold, sign_in_in_dialog, wait_for

pytestmark = pytest.mark.system

WATCHED = """() => {
  [window.seen, window.rates, window.told] = [new Set(), [], []];
  const bar = document.getElementById("envoi-barre");
  new MutationObserver(() => window.seen.add(bar.value)).observe(bar, { attributes: true });
  for (const [id, texts] of [["envoi-detail", window.rates], ["envoi-etat", window.told]]) {
    const element = document.getElementById(id);
    new MutationObserver(() => texts.push(element.textContent)).observe(element, { childList: true });
  }
}"""


def limit(line: CDPSession, upload: int) -> None:
    """The page's line takes `upload` bytes a second; all that it can with -1."""
    line.send("Network.enable")
    line.send(
        "Network.emulateNetworkConditions",
        {"offline": False, "latency": 20, "downloadThroughput": -1, "uploadThroughput": upload},
    )


def test_progress_is_seen_within_a_slice(page: Page, web: WebProcess, archives: Archives) -> None:
    line = page.context.new_cdp_session(page)
    limit(line, 400_000)
    page.evaluate(WATCHED)
    choose(page, archives.large)
    expect(page.locator("#envoi-detail")).to_contain_text("/s · encore")
    limit(line, -1)
    expect_complete(page)
    slices = 2 + archives.large.stat().st_size // (4 * 1024 * 1024)
    assert page.evaluate("window.seen.size") > 2 * slices
    assert page.evaluate("window.told") == ["Envoi en cours", "Reçu en entier"]


def test_a_slice_that_leaves_again_has_no_negative_rate(page: Page, archives: Archives) -> None:
    page.clock.install()
    page.evaluate(WATCHED)
    Slices(page, lambda: Session.update(token_sha256="elle n'existe plus").execute())
    limit(page.context.new_cdp_session(page), 4_000_000)
    choose(page, archives.large)
    dialog = page.locator("dialog")
    expect(dialog).to_be_visible()
    page.clock.fast_forward(11_000)
    sign_in_in_dialog(page)
    expect_complete(page)
    rates = page.evaluate("window.rates")
    assert any("/s" in text for text in rates)
    assert not any("-" in text for text in rates)


def test_a_line_on_which_nothing_moves_is_given_up(page: Page, web: WebProcess, archives: Archives) -> None:
    page.clock.install()
    held = hold(page, SLICES, "PATCH", number=2)
    choose(page, archives.large)
    wait_for(page, held)
    page.clock.fast_forward(30_000)  # of sixty; the clock goes on beside that, as slowly as this machine is
    expect(page.locator("#envoi-etat")).to_have_text("Envoi en cours")
    asked_anew = hold(page, SLICES, "HEAD")
    page.clock.fast_forward(31_000)
    expect(page.locator("#envoi-etat")).to_have_text("Connexion coupée, nouvel essai…")
    page.clock.resume()
    wait_for(page, asked_anew).continue_()
    expect_complete(page)
    assert len(web.site.operations.web.uploads()) == 1


def test_suspended_no_byte_leaves(page: Page, archives: Archives) -> None:
    held = hold(page, SLICES, "PATCH", number=2)
    choose(page, archives.large)
    wait_for(page, held)
    with page.expect_event("requestfailed", lambda request: request.method == "PATCH"):
        page.click("#pause")
    expect(page.locator("#envoi-etat")).to_have_text("Suspendu")
    page.click("#pause")
    expect_complete(page)


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
