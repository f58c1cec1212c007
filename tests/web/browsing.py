"""What tests do with the Import tab in a real browser."""

import itertools
import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, Route, expect

from tests.support.site import PASSWORD

CREATION = re.compile(r"/televersements$")
OURS = {"X-OSPI-Supervisor": "1"}
"""What every answer of the supervisor carries."""

TABS = 60
SLICES = re.compile(r"/televersements/[0-9a-f]{32}$")


class Slices:
    """The slices that the page sends; `before` is called once, before slice number `number` goes out."""

    def __init__(self, page: Page, before: Callable[[], object] | None = None, number: int = 2) -> None:
        self.offsets: list[int] = []
        self._before = before
        self._number = number
        page.route(SLICES, self._handle)

    def _handle(self, route: Route) -> None:
        request = route.request
        if request.method == "PATCH":
            self.offsets.append(int(request.headers["upload-offset"]))
            if len(self.offsets) == self._number and self._before is not None:
                self._before()
        route.continue_()


def tab_to(page: Page, selector: str) -> int:
    """Press Tab until that element has the focus; how often."""
    for pressed in range(1, TABS):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            expect(page.locator(selector)).to_be_in_viewport()
            return pressed
    raise AssertionError(f"{selector} is not reached by {TABS} tabs")


def give_up(page: Page) -> None:
    """The upload at work, in two steps."""
    page.locator("#abandonner summary").press("Enter")
    expect(page.locator("#abandonner")).to_contain_text("il faudra tout renvoyer")
    page.click("#abandon")


def sign_in(page: Page) -> None:
    page.fill("[name=username]", "admin")
    page.fill("[name=password]", PASSWORD)
    page.click("text=Se connecter")


def sign_in_in_dialog(page: Page, username: str = "admin") -> None:
    dialog = page.locator("dialog")
    dialog.locator("[name=username]").fill(username)
    dialog.locator("[name=password]").fill(PASSWORD)
    dialog.locator(".primary").click()


def choose(page: Page, archive: Path) -> None:
    page.set_input_files("#archive", archive)


def expect_complete(page: Page) -> None:
    expect(page.locator("#envoi-etat")).to_have_text("Reçu en entier")
    expect(page.locator("#import-form")).to_be_visible()


def hold(page: Page, address: str | re.Pattern[str], method: str, number: int = 1) -> list[Route]:
    """Keep back that request of the page, the `number`th of its kind: it is in the list once it was made."""
    held: list[Route] = []
    seen = itertools.count(1)

    def handle(route: Route) -> None:
        if route.request.method == method and next(seen) == number:
            held.append(route)
        else:
            route.fallback()

    page.route(address, handle)
    return held


def wait_for(page: Page, held: list[Route]) -> Route:
    for _ in range(100):
        if held:
            break
        page.wait_for_timeout(50)
    return held[0]
