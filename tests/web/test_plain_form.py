"""The import without JavaScript: the archive in a plain form."""

from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from werkzeug.datastructures import FileStorage
from werkzeug.test import TestResponse, encode_multipart

from ospi_supervisor.store.web_models import Session
from tests.support.site import PASSWORD, PREFIX, Archives, Browser, Site, now
from tests.web.test_imports import press_import, requests_of

HTML = {"Accept": "text/html"}
NOTICE_READ = {"notice_read": "1"}


def form(browser: Browser, archive: Path | None, **fields: str) -> TestResponse:
    data: dict[str, Any] = {**fields, "csrf_token": browser.token}
    if archive is not None:
        data["archive"] = FileStorage(BytesIO(archive.read_bytes()), archive.name)
    boundary, body = encode_multipart(data)
    headers = HTML | {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    return browser.client.post(f"{PREFIX}/mises-a-jour/import", data=body, headers=headers)


def test_the_plain_form_leads_to_the_page_of_the_upload(admin: Browser, archives: Archives) -> None:
    response = form(admin, archives.large)
    assert response.status_code == 303
    page = admin.get(response.headers["Location"].removeprefix(f"{PREFIX}/"))
    assert "11.6.0" in page.text
    assert 'id="import-form"' in page.text


def test_the_plain_form_goes_straight_on_when_the_notice_was_read(
    site: Site, admin: Browser, archives: Archives
) -> None:
    response = form(admin, archives.good, notice_read="1")
    assert response.headers["Location"] == f"{PREFIX}/mises-a-jour/suivi?demande=1"
    assert len(requests_of(site)) == 1


def test_the_plain_form_asks_for_the_password_on_the_page_of_what_it_received(
    site: Site, admin: Browser, archives: Archives
) -> None:
    Session.update(created_at=now() - timedelta(hours=1)).execute()
    response = form(admin, archives.good, notice_read="1")
    assert response.status_code == 403
    assert 'name="password"' in response.text
    [row] = site.operations.web.uploads()
    assert f"televersements/{row.id}/importer" in response.text
    assert press_import(admin, row.id, NOTICE_READ | {"password": PASSWORD}, headers=HTML).status_code == 303
    assert len(requests_of(site)) == 1


@pytest.mark.parametrize("name", ["empty", "unsigned", "foreign_key", "tampered", "truncated", "decompressed"])
def test_the_plain_form_refuses_what_the_script_refuses(
    site: Site, admin: Browser, archives: Archives, name: str
) -> None:
    response = form(admin, archives.bad[name], notice_read="1")
    assert response.status_code == 422
    assert f'data-code="{name}"' in response.text
    assert list(site.config.paths.uploads_dir.iterdir()) == []
    assert requests_of(site) == []


def test_the_plain_form_without_a_file_says_so(admin: Browser) -> None:
    response = form(admin, None)
    assert response.status_code == 422
    assert "Choisissez d&#39;abord le fichier" in response.text
