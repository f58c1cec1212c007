"""The customer area: from sign-in to the downloaded archive, and that very file through Import."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Shoot, choose_archive, sign_in
from tests.support.demo import RunningDemo

pytestmark = pytest.mark.system


def test_from_the_customer_area_through_import(demo: RunningDemo, page: Page, shoot: Shoot, tmp_path: Path) -> None:
    customer = demo.document["customer"]
    page.goto(demo.document["vendor_url"])
    page.get_by_label("Identifiant").fill(customer["username"])
    page.get_by_label("Mot de passe").fill(customer["password"])
    page.get_by_role("button", name="Se connecter").click()
    expect(page.get_by_text("Mise à jour PMSIpilot")).to_be_visible()
    shoot(page, "44-espace-utilisateur")
    expect(page.get_by_text("conseillé pour vous")).to_be_visible()
    with page.expect_download() as downloading:
        page.get_by_role("link", name="Télécharger la version 11.6.0 depuis la 11.5.0").click()
    archive = tmp_path / downloading.value.suggested_filename
    downloading.value.save_as(archive)
    page.goto(f"{demo.url}/superviseur/mises-a-jour/import")
    sign_in(page, demo)
    choose_archive(page, archive)
    expect(page.locator("#verifications")).to_contain_text("11.6.0")
    page.get_by_label("J'ai lu la notice").check()
    page.locator("#import-button").click()
    expect(page.locator("#etat-contenu")).to_have_attribute("data-active", "no", timeout=120_000)
    assert demo.portal_version() == "11.6.0"
