"""An upload that goes on later, elsewhere or not at all, and what the page says of it."""

import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from ospi_supervisor.store.web_models import Session
from tests.support.site import Archives
from tests.support.web_process import WebProcess
from tests.web.browsing import (
    OURS,
    SLICES,
    Slices,
    choose,
    expect_complete,
    give_up,
    hold,
    sign_in,
    sign_in_in_dialog,
    wait_for,
)

pytestmark = pytest.mark.system
MIB = 1024 * 1024


def begun_elsewhere(web: WebProcess, archive: Path) -> str:
    """An upload whose first slice another computer sent; its identifier."""
    uploads = web.site.operations.uploads
    with archive.open("rb") as file:
        row = uploads.create(archive.name, archive.stat().st_size, "admin")
        uploads.append(row.id, 0, file.read(MIB))
    return row.id


@pytest.mark.parametrize("by_its_link", [True, False])
def test_an_upload_begun_elsewhere_goes_on(page: Page, web: WebProcess, archives: Archives, by_its_link: bool) -> None:
    begun_elsewhere(web, archives.large)
    page.reload()
    if by_its_link:
        page.click("#inacheves a")
        expect(page.locator("#a-reprendre")).to_contain_text("choisissez de nouveau le même fichier")
    slices = Slices(page)
    choose(page, archives.large)
    expect_complete(page)
    assert slices.offsets[0] == MIB
    assert len(web.site.operations.web.uploads()) == 1


def test_another_file_than_the_one_to_resume_begins_anew_and_says_so(
    page: Page, web: WebProcess, archives: Archives
) -> None:
    upload = begun_elsewhere(web, archives.large)
    page.goto(f"{web.url}/mises-a-jour/import?televersement={upload}")
    choose(page, archives.good)
    expect_complete(page)
    expect(page.locator("#autre-fichier")).to_contain_text("envoyé à part, depuis le début")
    assert web.site.operations.uploads.get(upload).offset == MIB
    give_up(page)
    expect(page.locator("#autre-fichier")).to_be_hidden()
    with page.expect_request(lambda request: request.method == "PATCH") as slice_sent:
        choose(page, archives.large)
    assert slice_sent.value.url.endswith(upload)
    assert slice_sent.value.headers["upload-offset"] == str(MIB)
    expect(page.locator("#autre-fichier")).to_be_hidden()


def test_a_server_that_says_what_it_lacks_is_heard(page: Page, archives: Archives) -> None:
    body = '{"code": "unavailable", "message": "le disque /srv est plein ; libérez-y de la place"}'

    def lack(route: Route) -> None:
        if route.request.headers.get("upload-offset", "0") == "0":
            route.fallback()
        else:
            route.fulfill(status=503, content_type="application/json", headers=OURS, body=body)

    page.route(SLICES, lack)
    choose(page, archives.large)
    expect(page.locator("#envoi-etat")).to_have_text("Le disque /srv est plein ; libérez-y de la place. Nouvel essai…")
    page.unroute(SLICES)
    expect_complete(page)


def test_a_file_that_went_away_is_asked_for_again(
    page: Page, web: WebProcess, archives: Archives, tmp_path: Path
) -> None:
    archive = tmp_path / "cle-usb.ospi"
    shutil.copy2(archives.large, archive)
    held = hold(page, SLICES, "PATCH", number=2)
    choose(page, archive)
    later = wait_for(page, held)
    archive.unlink()
    later.continue_()
    expect(page.locator("#fiche [role=alert]")).to_contain_text("Le fichier ne peut plus être lu")
    shutil.copy2(archives.large, archive)
    slices = Slices(page)
    choose(page, archive)
    expect_complete(page)
    assert slices.offsets[0] == MIB
    assert len(web.site.operations.web.uploads()) == 1


def test_an_upload_given_up_in_another_tab_is_gone_and_its_archive_not_refused(
    page: Page, web: WebProcess, archives: Archives
) -> None:
    held = hold(page, SLICES, "PATCH", number=2)
    choose(page, archives.large)
    late = wait_for(page, held)
    [upload] = web.site.operations.web.uploads()
    web.site.operations.uploads.abandon(upload.id)
    late.continue_()
    expect(page.locator("#fiche [role=alert]")).to_contain_text("Cet envoi n'existe plus.")
    expect(page.locator("#import-form")).to_have_count(0)
    choose(page, archives.large)
    expect_complete(page)


def test_somebody_elses_account_stops_the_upload_and_its_own_goes_on_with_it(
    page: Page, web: WebProcess, archives: Archives
) -> None:
    held = hold(page, SLICES, "PATCH", number=2)
    choose(page, archives.large)
    late = wait_for(page, held)
    Session.update(token_sha256="elle n'existe plus").execute()
    late.continue_()
    sign_in_in_dialog(page, "infirmier")
    stopped = page.locator("#fiche [role=alert]")
    expect(stopped).to_contain_text("L'envoi s'est arrêté.")
    expect(stopped).to_contain_text("réservée aux comptes du groupe « administration system ». Rechargez")
    page.reload()
    page.click("text=Changer de compte")
    sign_in(page)
    page.wait_for_url(f"{web.url}/")
    page.goto(f"{web.url}/mises-a-jour/import")
    slices = Slices(page)
    choose(page, archives.large)
    expect_complete(page)
    assert slices.offsets[0] == MIB
    assert len(web.site.operations.web.uploads()) == 1
