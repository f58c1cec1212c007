"""From the verdict to « Importer », with our script's requests and with the plain form."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from werkzeug.test import TestResponse

from ospi_supervisor.domain.lifecycle import UpdateStatus
from ospi_supervisor.domain.roles import ADMINISTRATION_SYSTEM
from ospi_supervisor.operations.imports import Imports
from ospi_supervisor.store.web_models import Session
from tests.support.site import PASSWORD, PREFIX, Archives, Browser, Site, now

HTML = {"Accept": "text/html"}
JSON = {"Accept": "application/json"}
ADMINISTRATORS = (ADMINISTRATION_SYSTEM,)
NOTICE_READ = {"notice_read": "1"}


def press_import(browser: Browser, upload: str, fields: dict[str, Any] | None = None, **options: Any) -> TestResponse:
    fields = NOTICE_READ if fields is None else fields
    return browser.send("POST", f"mises-a-jour/televersements/{upload}/importer", data=fields, **options)


def requests_of(site: Site) -> list[dict[str, Any]]:
    return [request.payload for request in site.operations.web.requests_after(0)]


def test_the_verdict_is_shown_before_the_rest_is_sent(admin: Browser, archives: Archives) -> None:
    data = archives.large.read_bytes()
    upload = admin.create(len(data))
    admin.slice(upload, 0, data[: 1024 * 1024])
    document = admin.document(upload)
    assert document["verdict"] == "accepted"
    assert not document["complete"]
    assert (document["release"]["product"], document["release"]["version"]) == ("portail-bi", "11.6.0")
    rules = {rule["rule"]: rule for rule in document["prerequisites"]}
    assert rules["platform_version"]["measured"] == "11.5.0"
    assert {"rule", "measured", "required", "verdict", "remedy"} <= set(rules["cores"])
    card = admin.get(f"mises-a-jour/televersements/{upload}/fiche").text
    assert "11.6.0" in card
    assert "J&#39;ai lu la notice" in card or "J'ai lu la notice" in card


def test_the_notice_can_be_read_in_the_page(admin: Browser, archives: Archives) -> None:
    upload = admin.upload(archives.good)
    response = admin.get(f"mises-a-jour/televersements/{upload}/notice")
    assert response.mimetype == "application/pdf"
    assert response.data.startswith(b"%PDF")
    assert response.headers["Content-Security-Policy"] == "frame-ancestors 'self'"


def test_before_its_notice_has_arrived_an_upload_has_none(admin: Browser) -> None:
    upload = admin.create(10_000_000)
    assert admin.get(f"mises-a-jour/televersements/{upload}/notice", headers=JSON).status_code == 409


def test_import_asks_the_worker_and_records_who_read_the_notice(site: Site, admin: Browser, archives: Archives) -> None:
    upload = admin.upload(archives.good)
    response = press_import(admin, upload, headers=HTML)
    assert (response.status_code, response.headers["Location"]) == (303, f"{PREFIX}/mises-a-jour/suivi?demande=1")
    row = site.operations.uploads.get(upload)
    assert (row.notice_read_by, row.release and row.release.version) == ("admin", "11.6.0")
    [payload] = requests_of(site)
    assert (payload["upload_id"], payload["notice_sha256"]) == (upload, row.notice_sha256)
    assert "notice lue" in [line.action for line in site.operations.web.audit(10)]


def test_pressing_twice_asks_once(site: Site, admin: Browser, archives: Archives) -> None:
    upload = admin.upload(archives.good)
    assert press_import(admin, upload).headers["Location"] == press_import(admin, upload).headers["Location"]
    assert len(requests_of(site)) == 1


def test_pressed_in_two_windows_at_once_it_is_asked_once(
    site: Site, admin: Browser, archives: Archives, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload, other = admin.upload(archives.good), site.browser()
    both = threading.Barrier(2, timeout=10)
    monkeypatch.setattr("ospi_supervisor.web.imports.confirm_recent_sign_in", both.wait)
    with ThreadPoolExecutor() as pool:
        answers = list(pool.map(lambda browser: press_import(browser, upload, headers=JSON), [admin, other]))
    assert [answer.status_code for answer in answers] == [202, 202]
    assert len(requests_of(site)) == 1


def test_what_the_worker_refused_can_be_asked_again_or_given_up(site: Site, admin: Browser, archives: Archives) -> None:
    upload = admin.upload(archives.good)
    press_import(admin, upload, headers=JSON)
    assert admin.tus("DELETE", upload).status_code == 409
    site.engine.answer(1, accepted=False, message="la place manque", now=now())
    assert "maj.ospi" in admin.get("mises-a-jour/import").text
    card = admin.get(f"mises-a-jour/televersements/{upload}/fiche").text
    assert "La place manque" in card
    assert 'id="import-form"' in card
    again = press_import(admin, upload, headers=JSON)
    assert again.headers["Location"] == f"{PREFIX}/mises-a-jour/suivi?demande=2"
    site.engine.answer(2, accepted=False, message="la place manque", now=now())
    assert admin.tus("DELETE", upload).status_code == 204
    assert site.operations.web.uploads() == []


def test_an_upload_whose_bytes_the_worker_took_still_has_its_page(
    site: Site, admin: Browser, archives: Archives
) -> None:
    upload = admin.upload(archives.good)
    site.operations.uploads.path(upload).unlink()
    assert admin.get(f"mises-a-jour/televersements/{upload}/fiche").status_code == 200


@pytest.mark.parametrize("fields", [{}, {"notice_read": "0"}, {"notice_read": "non"}])
def test_without_the_notice_nothing_is_asked(
    site: Site, admin: Browser, archives: Archives, fields: dict[str, str]
) -> None:
    upload = admin.upload(archives.good)
    response = press_import(admin, upload, fields, headers=JSON)
    assert response.status_code == 409
    assert "notice" in response.text
    assert requests_of(site) == []


def test_pressed_during_the_upload_it_is_asked_at_the_end(site: Site, admin: Browser, archives: Archives) -> None:
    data = archives.large.read_bytes()
    upload = admin.create(len(data))
    admin.slice(upload, 0, data[:1_500_000])
    assert press_import(admin, upload, headers=JSON).status_code == 202
    assert requests_of(site) == []
    admin.slice(upload, 1_500_000, data[1_500_000:])
    assert [payload["upload_id"] for payload in requests_of(site)] == [upload]
    assert admin.document(upload)["follow"] == f"{PREFIX}/mises-a-jour/suivi?demande=1"


def test_what_was_not_asked_at_the_end_is_asked_at_the_next_look(
    site: Site, admin: Browser, archives: Archives, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = uploaded_without_the_end(admin, archives, monkeypatch)
    assert requests_of(site) == []
    site.operations.web.add_account("bruno", site.operations.web.password_hash("admin") or "", ADMINISTRATORS, now())
    other = site.browser("bruno")
    assert other.document(upload)["follow"] == f"{PREFIX}/mises-a-jour/suivi?demande=1"
    assert other.document(upload)["import_error"] is None
    assert len(requests_of(site)) == 1
    line = next(line for line in site.operations.web.audit(9) if line.action == "installation demandée")
    assert line.actor == "admin"


def test_what_was_not_asked_at_the_end_can_be_given_up(
    site: Site, admin: Browser, archives: Archives, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = uploaded_without_the_end(admin, archives, monkeypatch)
    assert admin.tus("DELETE", upload).status_code == 204
    assert requests_of(site) == []


def uploaded_without_the_end(browser: Browser, archives: Archives, monkeypatch: pytest.MonkeyPatch) -> str:
    """An upload during which « Importer » was pressed, and whose last slice was not followed by the request."""
    data = archives.large.read_bytes()
    upload = browser.create(len(data))
    browser.slice(upload, 0, data[:1_500_000])
    press_import(browser, upload, headers=JSON)
    with monkeypatch.context() as patch:
        patch.setattr(Imports, "go_on", lambda *_: None)
        assert browser.slice(upload, 1_500_000, data[1_500_000:]).status_code == 204
    return upload


def test_a_refusal_at_the_end_of_the_upload_is_shown_with_it(site: Site, admin: Browser, archives: Archives) -> None:
    data = archives.large.read_bytes()
    upload = admin.create(len(data))
    admin.slice(upload, 0, data[:1_500_000])
    press_import(admin, upload)
    number = site.update()
    assert admin.slice(upload, 1_500_000, data[1_500_000:]).status_code == 204
    assert f"mise à jour n° {number} est en cours" in admin.document(upload)["import_error"]
    assert "en cours" in admin.get(f"mises-a-jour/televersements/{upload}/fiche").text


def test_another_update_under_way_is_a_conflict(site: Site, admin: Browser, archives: Archives) -> None:
    upload = admin.upload(archives.good)
    site.update()
    response = press_import(admin, upload, headers=JSON)
    assert response.status_code == 409
    assert "est en cours" in response.text


def test_a_version_that_failed_here_is_refused(site: Site, admin: Browser, archives: Archives) -> None:
    number = site.update(UpdateStatus.ROLLED_BACK)
    site.engine.lock_version("portail-bi", "11.6.0", number, now())
    document = admin.document(admin.upload(archives.good))
    assert document["verdict"] == "refused"
    assert "a déjà échoué" in document["reasons"][0]


def test_an_old_sign_in_asks_for_the_password_in_place(site: Site, admin: Browser, archives: Archives) -> None:
    upload = admin.upload(archives.good)
    Session.update(created_at=now() - timedelta(hours=1)).execute()
    refused = press_import(admin, upload, headers=JSON)
    assert (refused.status_code, refused.json and refused.json["code"]) == (403, "sign_in_again")
    wrong = press_import(admin, upload, NOTICE_READ | {"password": "faux mot"}, headers=JSON)
    assert (wrong.status_code, wrong.json and wrong.json["code"]) == (403, "sign_in_again")
    assert requests_of(site) == []
    right = press_import(admin, upload, NOTICE_READ | {"password": PASSWORD}, headers=JSON)
    assert right.status_code == 202
    assert len(requests_of(site)) == 1
    assert admin.get("support").status_code == 200


def test_without_script_the_page_asks_for_the_password(admin: Browser, archives: Archives) -> None:
    upload = admin.upload(archives.good)
    Session.update(created_at=now() - timedelta(hours=1)).execute()
    page = press_import(admin, upload, headers=HTML)
    assert page.status_code == 403
    assert 'name="password"' in page.text
    assert press_import(admin, upload, NOTICE_READ | {"password": PASSWORD}, headers=HTML).status_code == 303


def test_an_installation_can_be_planned(site: Site, admin: Browser, archives: Archives) -> None:
    upload = admin.upload(archives.good)
    start_at = (now() + timedelta(days=3)).replace(microsecond=0)
    press_import(admin, upload, NOTICE_READ | {"start_at": start_at.isoformat()})
    assert requests_of(site)[0]["start_at"] == start_at.astimezone().isoformat()
    assert site.operations.uploads.get(upload).expires_at > start_at + timedelta(days=6)


@pytest.mark.parametrize(
    ("start_at", "words"),
    [
        ("demain", "pas une date"),
        ("0001-01-01T00:00+14:00", "pas une date"),
        ("2020-01-01T00:00", "déjà passée"),
        ("2199-01-01T00:00", "au plus 30 jours"),
    ],
)
def test_a_start_that_makes_no_sense_is_refused(
    site: Site, admin: Browser, archives: Archives, start_at: str, words: str
) -> None:
    upload = admin.upload(archives.good)
    response = press_import(admin, upload, NOTICE_READ | {"start_at": start_at}, headers=JSON)
    assert response.status_code == 422
    assert words in response.text
    assert requests_of(site) == []


def test_the_page_lists_what_can_be_gone_on_with(admin: Browser, archives: Archives) -> None:
    data = archives.large.read_bytes()
    admin.slice(admin.create(len(data)), 0, data[:1_500_000])
    page = admin.get("mises-a-jour/import").text
    assert "Envois à reprendre" in page
    assert "maj.ospi" in page


def test_an_upload_that_is_shown_again_can_be_given_up(site: Site, admin: Browser, archives: Archives) -> None:
    upload = admin.upload(archives.good)
    form = f"televersements/{upload}/abandonner"
    page = admin.get(f"mises-a-jour/import?televersement={upload}").text
    assert form in page
    assert "Ce qui a été reçu est effacé" in page
    assert form not in admin.get(f"mises-a-jour/televersements/{upload}/fiche").text
    response = admin.post(f"mises-a-jour/televersements/{upload}/abandonner", headers=HTML)
    assert response.status_code == 303
    assert list(site.config.paths.uploads_dir.iterdir()) == []


def test_lowered_thresholds_are_shown_as_such(admin: Browser, archives: Archives) -> None:
    page = admin.get(f"mises-a-jour/import?televersement={admin.upload(archives.good)}").text
    assert "Seuils de démonstration" in page
    assert "mémoire vive (Go), 0,1 au lieu de 8" in page
