"""The banner on the platform's own pages, in a real browser: what it says, when it goes, and that it never disturbs."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler

import pytest
from playwright.sync_api import Browser, Page, expect

from ospi_supervisor.domain.announcement import Announcement
from tests.conftest import PATIENCE_MS
from tests.platform.conftest import reply
from tests.platform.proxied import Site, running_site
from tests.web.test_accessibility_in_browser import AXE, RULES

pytestmark = pytest.mark.system

PAGE = b"""<!doctype html><html lang="fr"><head><meta charset="utf-8"><title>Portail</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<script src="/maintenance/annonce.js" defer></script></head><body><main><h1>Portail</h1></main></body></html>"""


def portal(handler: BaseHTTPRequestHandler) -> None:
    """A page with the script, under a policy that lets no style stand in the page."""
    policy = "default-src 'self'"
    reply(handler, 200, PAGE, {"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": policy})


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with running_site("nginx") as running:
        running.platform.handle = portal
        yield running


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(
        locale="fr-FR", viewport={"width": 390, "height": 844}, timezone_id="America/New_York"
    )
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    yield page
    context.close()


def tonight(message: str = "") -> Announcement:
    begins = (datetime.now(UTC) + timedelta(hours=2)).replace(microsecond=0)
    return Announcement(begins=begins, ends=begins + timedelta(minutes=45), message=message)


def test_it_tells_the_server_s_hour_the_length_and_the_message(site: Site, page: Page) -> None:
    announced = tonight("Enregistrez vos « rapports » : <b>avant</b>.")
    site.switch.announce(announced)
    page.goto(site.url)
    banner = page.locator("#ospi-annonce")
    begins = announced.begins.astimezone()
    expect(banner).to_contain_text(f"à partir de {begins:%H} h {begins:%M}")
    expect(banner).to_contain_text("environ 45 minutes")
    expect(banner).to_contain_text("<b>avant</b>")
    for width in (390, 768, 1280):
        page.set_viewport_size({"width": width, "height": 844})
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    page.evaluate(AXE.read_text(encoding="utf-8"))
    assert page.evaluate(RULES) == []
    banner.get_by_role("button", name="Masquer").click()
    expect(banner).to_have_count(0)
    page.reload()
    expect(page.locator("h1")).to_be_visible()
    expect(banner).to_have_count(0)


def test_it_goes_when_there_is_nothing_to_tell_any_more(site: Site, page: Page) -> None:
    site.switch.announce(tonight())
    page.clock.install()
    page.goto(site.url)
    expect(page.locator("#ospi-annonce")).to_be_visible()
    site.switch.announce(None)
    page.clock.fast_forward(90_000)
    expect(page.locator("#ospi-annonce")).to_have_count(0)


@pytest.mark.parametrize("document", [b"", b"{", b"[]", b'{"from": 3}', b'{"from": "hier", "until": "demain"}'])
def test_what_is_no_announcement_shows_nothing_and_breaks_nothing(site: Site, page: Page, document: bytes) -> None:
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    (site.config.maintenance.page_dir / "annonce.json").write_bytes(document)
    with page.expect_response("**/annonce.json"):
        page.goto(site.url)
    expect(page.locator("h1")).to_be_visible()
    expect(page.locator("#ospi-annonce")).to_have_count(0)
    assert errors == []
