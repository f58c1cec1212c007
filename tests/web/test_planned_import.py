"""« Importer » with an hour, pressed while the archive is still arriving."""

import html
from datetime import datetime, timedelta

import pytest

from ospi_supervisor.domain.schedule import ASKED_LATE
from ospi_supervisor.web.labels import instant
from tests.support.site import Archives, Browser, Site, now
from tests.web.test_imports import JSON, NOTICE_READ, press_import, requests_of

FIRST = 1_500_000


def planned(browser: Browser, data: bytes, start_at: datetime) -> str:
    """An upload whose first slice has arrived, and for which « Importer » was pressed with that hour."""
    upload = browser.create(len(data))
    browser.slice(upload, 0, data[:FIRST])
    pressed = press_import(browser, upload, NOTICE_READ | {"start_at": start_at.isoformat()}, headers=JSON)
    assert pressed.status_code == 202
    return upload


def card(browser: Browser, upload: str) -> str:
    return html.unescape(browser.get(f"mises-a-jour/televersements/{upload}/fiche").text)


@pytest.fixture
def hour() -> datetime:
    return now() + timedelta(hours=1)


def clock_at(site: Site, monkeypatch: pytest.MonkeyPatch, moment: datetime) -> None:
    monkeypatch.setattr("ospi_supervisor.web.imports.now", lambda: moment)
    monkeypatch.setattr(site.operations.imports, "clock", lambda: moment)


def test_the_page_says_when_it_will_begin(admin: Browser, archives: Archives, hour: datetime) -> None:
    text = card(admin, planned(admin, archives.large.read_bytes(), hour))
    assert f"Elle commencera le {instant(hour)} (heure du serveur), à condition que" in text
    assert "dès que l'archive sera reçue" not in text


def test_an_archive_that_comes_after_its_hour_is_not_installed_at_once(
    site: Site, admin: Browser, archives: Archives, hour: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = archives.large.read_bytes()
    upload = planned(admin, data, hour)
    clock_at(site, monkeypatch, hour + ASKED_LATE + timedelta(seconds=1))
    assert admin.slice(upload, FIRST, data[FIRST:]).status_code == 204
    assert requests_of(site) == []
    assert admin.document(upload)["import_error"].startswith("l'heure prévue est passée pendant l'envoi")
    text = card(admin, upload)
    assert "L'heure prévue est passée pendant l'envoi ; choisissez-en une autre." in text
    assert 'id="import-form"' in text
    later = (hour + timedelta(days=1)).astimezone().isoformat()
    assert press_import(admin, upload, NOTICE_READ | {"start_at": later}, headers=JSON).status_code == 202
    assert [payload["start_at"] for payload in requests_of(site)] == [later]


def test_an_archive_that_comes_about_its_hour_is_installed(
    site: Site, admin: Browser, archives: Archives, hour: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = archives.large.read_bytes()
    upload = planned(admin, data, hour)
    clock_at(site, monkeypatch, hour + ASKED_LATE)
    assert admin.slice(upload, FIRST, data[FIRST:]).status_code == 204
    assert [payload["start_at"] for payload in requests_of(site)] == [hour.astimezone().isoformat()]


@pytest.mark.parametrize(
    ("when", "given", "words"),
    [
        ("now", ("switch_at",), "une heure est indiquée"),
        ("start", ("switch_at",), "indiquez l'heure"),
        ("switch", (), "indiquez l'heure"),
        ("", ("start_at", "switch_at"), "et non les deux"),
    ],
)
def test_an_hour_that_is_not_what_was_chosen_is_refused(
    site: Site, admin: Browser, archives: Archives, hour: datetime, when: str, given: tuple[str, ...], words: str
) -> None:
    upload = admin.upload(archives.good)
    fields = NOTICE_READ | {"when": when} | dict.fromkeys(given, hour.isoformat())
    refused = press_import(admin, upload, fields, headers=JSON)
    assert (refused.status_code, words in refused.get_json()["message"]) == (422, True)
    assert requests_of(site) == []


def test_of_two_hours_the_chosen_one_counts(site: Site, admin: Browser, archives: Archives, hour: datetime) -> None:
    upload = admin.upload(archives.good)
    fields = NOTICE_READ | {"when": "start", "start_at": hour.isoformat()}
    fields |= {"switch_at": (hour + timedelta(days=1)).isoformat()}
    assert press_import(admin, upload, fields, headers=JSON).status_code == 202
    assert [(payload["start_at"], payload["switch_at"]) for payload in requests_of(site)] == [
        (hour.astimezone().isoformat(), None)
    ]
