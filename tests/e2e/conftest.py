"""Chromium, and demonstrations to use up."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Playwright

from demo.layout import REPOSITORY
from ospi_supervisor.domain.lifecycle import Phase
from tests.conftest import PATIENCE_MS, launched
from tests.support.demo import Place, RunningDemo
from tests.support.prepared import lay_out_prepared

SCREENSHOTS = REPOSITORY / "test-results" / "screenshots"
Shoot = Callable[..., None]
RECORD_STATES = """
window.seen = new Set();
const look = () => document.querySelectorAll("#phases [data-phase]").forEach(
  (row) => window.seen.add(row.dataset.phase + " " + row.dataset.status));
const all = {subtree: true, childList: true, attributes: true};
new MutationObserver(look).observe(document.querySelector("#suivi"), all);
look();
"""


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDemo]:
    """A fresh demonstration on release 11.5.0, shared by a module's tests."""
    running = RunningDemo(lay_out_prepared(tmp_path_factory.mktemp("demo") / "état").root)
    yield running
    if running.process.poll() is None:
        running.stop()


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    """All of Debian's Chromium."""
    yield from launched(playwright, "chromium")


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of a fresh browser profile; errors of its scripts fail the test."""
    with browser.new_context(locale="fr-FR", viewport={"width": 1280, "height": 800}) as context:
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        yield page
        assert errors == []


@pytest.fixture(scope="session")
def shoot() -> Shoot:
    """Takes a page's pictures at a desktop's and a phone's width."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)

    def take(page: Page, name: str, *, full_page: bool = True, paints_for: float = 0) -> None:
        for width, height in ((390, 844), (1280, 800)):
            page.set_viewport_size({"width": width, "height": height})
            page.wait_for_timeout(paints_for)
            page.screenshot(path=SCREENSHOTS / f"{name}-{width}.png", full_page=full_page)

    return take


def sign_in(page: Page, demo: Place) -> None:
    """Fill the sign-in form in, as the administrator."""
    account = demo.document["admin"]
    page.get_by_label("Identifiant").fill(account["username"])
    page.get_by_label("Mot de passe").fill(account["password"])
    page.get_by_role("button", name="Se connecter").click()


def choose_archive(page: Page, archive: Path) -> None:
    """« Sélectionner un fichier », once the page's script is there to notice."""
    page.wait_for_load_state("networkidle")
    page.set_input_files("#archive", archive)


def record_states(page: Page) -> None:
    """Note every state that Suivi shows from now on."""
    page.evaluate(RECORD_STATES)


def check_suivi_showed_every_phase(page: Page) -> None:
    """Without being loaded again: `seen` would be gone."""
    shown: list[str] = page.evaluate("[...window.seen]")
    usual = set(Phase) - {Phase.VALIDATE}  # which an update has where it was asked for
    assert {f"{phase} done" for phase in usual} <= set(shown)
    assert "migrate doing" in shown


def leftovers(demo: RunningDemo) -> list[Path]:
    """What a refused archive may not leave: bytes of uploads, staged releases."""
    uploads = demo.layout.state / "web" / "uploads"
    releases = demo.layout.platform / "releases"
    found = list(uploads.iterdir()) if uploads.is_dir() else []
    return found + [path for path in releases.iterdir() if path.name != "11.5.0"]
