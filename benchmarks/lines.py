"""`python -m benchmarks lines`: how long Suivi keeps its browser busy while a hook prints 100,000 lines.

A real web process and Chromium; the lines come in 5,000 events while the page is looked at. A task is what the browser
does in one go, during which it answers neither the mouse nor the keyboard.
"""

import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

from demo.prepare import free_port
from ospi_supervisor.domain.lifecycle import Phase
from tests.conftest import OFFLINE, PATIENCE_MS, QUIET
from tests.support.site import Site, answering_platform, make_archives, now
from tests.support.system import require_program
from tests.support.web_process import web_process

EVENTS, LINES_AN_EVENT, BATCH = 5_000, 20, 250
GOAL_MS = 100
WATCH = """() => {
  window.tasks = [];
  new PerformanceObserver((list) => window.tasks.push(...list.getEntries().map(({ duration }) => duration)))
    .observe({ type: "longtask" });
}"""
BUSY = """() => setTimeout(() => {
  const end = performance.now() + 120;
  while (performance.now() < end);
})"""


def measure() -> list[float]:
    """Every task of more than 50 ms, in milliseconds."""
    with tempfile.TemporaryDirectory(prefix="ospi-lines-") as name, ExitStack() as stack:
        folder, port = Path(name), free_port()
        archives, platform = make_archives(folder), stack.enter_context(answering_platform(folder))
        site = Site(folder / "site", platform, archives.root, port=port)
        stack.callback(site.close)
        site.engine.beat(now(), 1)
        number = site.update()
        web = stack.enter_context(web_process(site, port))
        browser = stack.enter_context(sync_playwright()).chromium.launch(
            executable_path=require_program("chromium"), args=[*QUIET, *OFFLINE]
        )
        stack.callback(browser.close)
        context = browser.new_context(locale="fr-FR")
        context.add_cookies(
            [{"name": one.name, "value": str(one.value), "url": web.url} for one in web.session().cookies]
        )
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.goto(f"{web.url}/mises-a-jour/suivi")
        page.evaluate(WATCH)
        page.evaluate(BUSY)
        page.wait_for_function("window.tasks.splice(0).length > 0")  # what is measured is seen
        _print_lines(site, number, page)
        tasks: list[float] = page.evaluate("window.tasks")
        return tasks


def _print_lines(site: Site, number: int, page: Page) -> None:
    for first in range(0, EVENTS, BATCH):
        with site.engine.transaction():
            for event in range(first, first + BATCH):
                text = "\n".join(f"ligne {event}.{line}" for line in range(LINES_AN_EVENT))
                site.event(number, "log", Phase.VERIFY, level="output", message=text)
    expect(page.locator("#sortie")).to_contain_text(f"ligne {EVENTS - 1}.{LINES_AN_EVENT - 1}", timeout=PATIENCE_MS)


def main() -> int:
    """Measure, and hold it against the goal."""
    tasks = measure()
    longest = max(tasks, default=0.0)
    print(f"{EVENTS * LINES_AN_EVENT} lignes : {len(tasks)} tâches de plus de 50 ms, la plus longue {longest:.0f} ms")
    print(f"but : {GOAL_MS} ms {'atteint' if longest <= GOAL_MS else 'manqué'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
