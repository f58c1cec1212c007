"""A web filter that lets only GET and POST pass: an archive goes up all the same, and nobody is blamed."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.conftest import PATIENCE_MS
from tests.support import archives as building
from tests.support.site import Archives
from tests.support.web_filter import get_and_post_only
from tests.support.web_process import WebProcess
from tests.web.browsing import choose, sign_in


@pytest.fixture
def refused(web: WebProcess) -> Iterator[tuple[str, list[str]]]:
    """The supervisor's address behind the filter, and the methods that it refused."""
    with get_and_post_only(web.port) as (port, methods):
        yield web.url.replace(str(web.port), str(port)), methods


def goes_through(browser: Browser, address: str, archive: Path) -> Page:
    page = browser.new_context(locale="fr-FR").new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto(f"{address}/mises-a-jour/import")
    sign_in(page)
    page.wait_for_url("**/mises-a-jour/import")
    said: list[str] = []
    page.expose_function("tell", lambda text: said.append(text))
    page.evaluate(
        "new MutationObserver(() => tell(document.body.innerText)).observe(document.getElementById('envoi-etat'),"
        " { childList: true, characterData: true, subtree: true })"
    )
    choose(page, archive)
    expect(page.locator("#envoi-etat")).to_have_text("Reçu en entier")
    expect(page.locator("#import-form")).to_be_visible()
    assert not any("autre compte" in text or "changer de compte" in text for text in said)
    return page


def test_an_archive_goes_up_by_get_and_post_alone(
    browser: Browser, refused: tuple[str, list[str]], archives: Archives, web: WebProcess
) -> None:
    address, methods = refused
    page = goes_through(browser, address, archives.large)
    assert methods == ["PATCH"]  # once: from then on it is said in a header
    (upload,) = web.site.operations.web.uploads()
    assert upload.complete
    page.context.close()


@pytest.mark.full
def test_two_hundred_megabytes_go_up_by_get_and_post_alone(
    browser: Browser, refused: tuple[str, list[str]], archives: Archives, tmp_path: Path
) -> None:
    keys = archives.root.parent
    tree = building.make_tree(tmp_path / "tree", dict(building.TREE) | {"blob": os.urandom(200_000_000)})
    archive = building.build_archive(tmp_path / "large.ospi", keys, tree)
    address, methods = refused
    goes_through(browser, address, archive).context.close()
    assert methods == ["PATCH"]
