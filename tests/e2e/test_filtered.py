"""A web filter that lets only GET and POST pass, in front of the demonstration as it is served."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import choose_archive, sign_in
from tests.support import archives as building
from tests.support.demo import Client, RunningDemo
from tests.support.web_filter import get_and_post_only

pytestmark = [pytest.mark.system, pytest.mark.full]


@pytest.fixture
def filtered(demo: RunningDemo) -> Iterator[tuple[str, list[str]]]:
    """The public address behind the filter, and the methods that it refused."""
    with get_and_post_only(demo.port) as (port, methods):
        yield demo.url.replace(str(demo.port), str(port)), methods


def large(demo: RunningDemo, folder: Path) -> Path:
    """An archive of the portal, of the vendor's own, that weighs 200 MB."""
    tree = building.make_tree(folder / "tree", dict(building.TREE) | {"blob": os.urandom(200_000_000)})
    expires = datetime.now(UTC) + timedelta(days=30)
    return building.build_archive(folder / "large.ospi", demo.layout.vendor / "keys", tree, expires=expires)


def test_an_archive_of_200_mb_goes_up_and_the_good_one_is_installed(
    demo: RunningDemo, page: Page, filtered: tuple[str, list[str]], tmp_path: Path
) -> None:
    address, methods = filtered
    archive = large(demo, tmp_path)
    page.goto(f"{address}/superviseur/mises-a-jour/import")
    sign_in(page, demo)
    page.wait_for_url("**/import")
    choose_archive(page, archive)
    expect(page.locator("#envoi-etat")).to_have_text("Reçu en entier")
    expect(page.locator("#import-form")).to_be_visible()
    expect(page.locator("main")).not_to_contain_text("compte")
    assert methods == ["PATCH"]  # once: from then on it is said in a header
    [upload] = demo.layout.state.joinpath("web", "uploads").glob("*")
    assert upload.stat().st_size == archive.stat().st_size > 200_000_000

    page.goto(f"{address}/superviseur/mises-a-jour/import")
    choose_archive(page, demo.archive("good"))
    page.get_by_label("J'ai lu la notice").check()
    page.locator("#import-button").click()
    expect(page.locator("#etat-contenu")).to_have_attribute("data-active", "no")
    expect(page.locator("#titre")).to_have_text("La mise à jour a réussi.")
    assert Client(demo).get("api/updates")[0]["status"] == "succeeded"
    assert set(methods) == {"PATCH"}
