"""Suivi while much happens: nothing under the reader's eyes moves, and however much is printed is drawn seldom."""

from typing import Any

from playwright.sync_api import Page, expect

from ospi_supervisor.domain.lifecycle import Phase, PhaseStatus
from tests.support.site import now
from tests.support.web_process import WebProcess
from tests.web.following import follow, log

WATCH = """() => {
  window.shifts = [];
  new PerformanceObserver((list) => {
    for (const { value, hadRecentInput, sources } of list.getEntries()) {
      const moved = sources.map(({ node }) => node?.id || node?.className || node?.nodeName);
      if (!hadRecentInput) window.shifts.push(`${value.toFixed(4)} ${moved}`);
    }
  }).observe({ type: "layout-shift", buffered: true });
}"""
COUNT = """() => {
  window.drawn = 0;
  new MutationObserver(() => { window.drawn += 1; })
    .observe(document.getElementById("sortie"), { childList: true, characterData: true, subtree: true });
}"""
EVENTS = 5_000
LINES_AN_EVENT = 20


def test_nothing_moves_while_phases_go_on_and_lines_come(page: Page, web: WebProcess) -> None:
    page.set_viewport_size({"width": 1280, "height": 900})
    web.site.engine.beat(now(), 1)
    number = follow(page, web)
    page.evaluate(WATCH)
    log(web, number, 0, 5)
    expect(page.locator("#journal")).to_contain_text("ligne 4.")
    for percent in (10, 50, 90):
        web.site.progress(number, Phase.VERIFY, percent, f"Paquet {percent}")
    expect(page.locator("#phases")).to_contain_text("Paquet 90")
    web.site.phase(number, Phase.VERIFY, PhaseStatus.DOING)
    web.site.progress(number, Phase.VERIFY, 95, "Paquet 95")
    expect(page.locator("#dit")).to_have_text("Paquet 95")
    page.wait_for_function(
        "() => new Promise((seen) => requestAnimationFrame(() => requestAnimationFrame(() => seen(1))))"
    )
    assert page.evaluate("window.shifts") == []


def test_a_hundred_thousand_lines_are_drawn_a_few_times(page: Page, web: WebProcess) -> None:
    web.site.engine.beat(now(), 1)
    number = follow(page, web)
    page.evaluate(COUNT)
    words = ("\n".join(f"ligne {event}.{line}" for line in range(LINES_AN_EVENT)) for event in range(EVENTS))
    engine: Any = web.site.engine
    with engine.transaction():
        for text in words:
            web.site.event(number, "log", Phase.VERIFY, level="output", message=text)
    expect(page.locator("#sortie")).to_contain_text(f"ligne {EVENTS - 1}.19")
    assert page.evaluate("window.drawn") < EVENTS / 5
