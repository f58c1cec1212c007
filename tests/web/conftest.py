"""One supervisor a test; the archives are built once."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser as RealBrowser
from playwright.sync_api import Page

from tests.conftest import PATIENCE_MS
from tests.support.site import Archives, Browser, Site
from tests.support.system import free_port
from tests.support.web_process import WebProcess, forked_web_process


@pytest.fixture
def admin(site: Site) -> Browser:
    return site.browser()


@pytest.fixture
def web(tmp_path: Path, platform: str, archives: Archives) -> Iterator[WebProcess]:
    port = free_port()
    site = Site(tmp_path / "site", platform, archives.root, port=port)
    with forked_web_process(site, port) as running:
        yield running
    site.close()


@pytest.fixture
def page(web: WebProcess, browser: RealBrowser) -> Iterator[Page]:
    context = browser.new_context(locale="fr-FR", viewport={"width": 390, "height": 844})
    # Signed in without the form, which tests of its own fill in: two pages less for each of these tests.
    context.add_cookies([{"name": one.name, "value": str(one.value), "url": web.url} for one in web.session().cookies])
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    # A browser's own reader of PDF takes keys and clicks from the page while it loads; the demo's tests show it.
    context.add_init_script("Object.defineProperty(navigator, 'pdfViewerEnabled', {value: true, configurable: true})")
    page.route(re.compile(r"/notice(#.*)?$"), lambda route: route.fulfill(content_type="text/plain", body="Notice"))
    page.goto(f"{web.url}/mises-a-jour/import")
    yield page
    context.close()
