"""What tests of several rooms share."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.support.site import Archives, Site, answering_platform, make_archives
from tests.support.system import require_program

QUIET = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run")
PATIENCE_MS = 60_000
"""How long a page may take for anything: where the disk is busy, each durable write of the server can wait seconds."""
OFFLINE = ("--disable-background-networking", "--disable-component-update", "--disable-sync")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, without a screen. One for all tests: two Playwrights do not live in one thread."""
    program = require_program("chromium")
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=[*QUIET, *OFFLINE])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def archives(tmp_path_factory: pytest.TempPathFactory) -> Archives:
    """Archives good and bad, built once."""
    return make_archives(tmp_path_factory.mktemp("archives"))


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a platform that answers."""
    with answering_platform(tmp_path_factory.mktemp("platform")) as url:
        yield url


@pytest.fixture
def site(tmp_path: Path, platform: str, archives: Archives) -> Iterator[Site]:
    """A supervisor of the test's own."""
    site = Site(tmp_path / "site", platform, archives.root)
    yield site
    site.close()
