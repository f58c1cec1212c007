"""Suivi while much happens: nothing under the reader's eyes moves, and however much is printed is drawn seldom."""

import itertools
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from ospi_supervisor.domain.lifecycle import Phase, PhaseStatus, rule_of
from tests.support.site import now
from tests.support.web_process import WebProcess
from tests.web.following import follow, log

WATCH = """() => {
  window.shifts = [];
  new PerformanceObserver((list) => {
    for (const { value, hadRecentInput, sources } of list.getEntries()) {
      // Words that change in their place are no box that moves.
      const moved = sources.map(({ node }) => node).filter((node) => node?.nodeType === Node.ELEMENT_NODE)
        .map((node) => node.id || node.className || node.nodeName);
      if (!hadRecentInput && value >= 0.00005 && moved.length > 0) window.shifts.push(`${value.toFixed(4)} ${moved}`);
    }
  }).observe({ type: "layout-shift", buffered: true });
}"""
ROWS = """() => Object.fromEntries([...document.querySelectorAll("#phases > ol > li, #journal-titre")]
  .map((one) => [one.dataset.phase ?? one.id, Math.round(one.getBoundingClientRect().y)]))"""
COUNT = """() => {
  window.drawn = 0;
  new MutationObserver(() => { window.drawn += 1; })
    .observe(document.getElementById("sortie"), { childList: true, characterData: true, subtree: true });
}"""
RUN = [phase for phase in Phase if phase is not Phase.VALIDATE]
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
    page.evaluate("new Promise((seen) => requestAnimationFrame(() => requestAnimationFrame(() => seen(1))))")
    assert page.evaluate("window.shifts") == []


@pytest.mark.parametrize("width", [390, pytest.param(1280, marks=pytest.mark.full)])
def test_no_row_moves_while_phases_end_one_after_the_other(page: Page, web: WebProcess, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    web.site.engine.beat(now(), 1)
    number = web.site.update()
    web.site.phase(number, Phase.VERIFY, PhaseStatus.DONE)
    web.site.phase(number, Phase.PREREQUISITES, PhaseStatus.DOING)
    page.goto(f"{web.url}/mises-a-jour/suivi")
    expect(page.locator("#terminees li")).to_have_count(1)
    before = page.evaluate(ROWS)
    page.evaluate(WATCH)
    for phase, following in itertools.pairwise(RUN[1:]):
        web.site.phase(number, phase, PhaseStatus.DONE)
        if phase is Phase.MAINTENANCE:
            web.site.config.maintenance.flag.touch()
        if phase is Phase.REOPEN:
            web.site.config.maintenance.flag.unlink()
        web.site.phase(number, following, PhaseStatus.DOING)
        expect(page.locator("#titre")).to_have_text(rule_of(following).title)
    assert {name: top for name, top in page.evaluate(ROWS).items() if top != before[name]} == {}
    assert page.evaluate("window.shifts") == []
    assert page.locator("#terminees summary").inner_text().startswith("1 étape terminée")
    page.reload()
    expect(page.locator("#terminees li")).to_have_count(len(RUN) - 1)


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
