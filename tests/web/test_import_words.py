"""What the Import tab says of an upload."""

from datetime import timedelta
from html import unescape
from types import SimpleNamespace

import pytest

from ospi_supervisor import __version__
from tests.support.reading import plain_spaces
from tests.support.site import Archives, Browser, Site, now


def test_an_archive_that_is_not_as_it_was_signed_has_no_valid_signature(admin: Browser, archives: Archives) -> None:
    upload = admin.upload(archives.bad["tampered"])
    assert admin.document(upload)["code"] == "tampered"
    card = admin.get(f"mises-a-jour/televersements/{upload}/fiche").text
    assert "valide" not in card


def test_the_list_says_what_was_asked_for_already(admin: Browser, archives: Archives) -> None:
    data = archives.large.read_bytes()
    upload = admin.create(len(data))
    admin.slice(upload, 0, data[: 1024 * 1024])
    assert "installation déjà demandée" not in admin.get("mises-a-jour/import").text
    address = f"mises-a-jour/televersements/{upload}/importer"
    assert admin.post(address, data={"notice_read": "1"}, headers={"Accept": "application/json"}).status_code == 202
    assert "installation déjà demandée" in admin.get("mises-a-jour/import").text


def test_without_scripts_a_refusal_stands_where_the_act_was(admin: Browser, archives: Archives) -> None:
    upload = admin.upload(archives.good)
    page = admin.get(f"mises-a-jour/import?televersement={upload}").text
    assert f"{upload}/importer#installation" in page
    answer = admin.post(f"mises-a-jour/televersements/{upload}/importer", headers={"Accept": "text/html"})
    assert answer.status_code == 409
    before, _, after = answer.text.partition('id="import-error"')
    assert "Lisez d&#39;abord la notice" not in before
    assert "Lisez d&#39;abord la notice" in after.partition('id="import-form"')[0]


@pytest.fixture
def updates_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """This program was installed as on a server, with room for another version of it."""
    installed = SimpleNamespace(free_bytes=lambda: 2**40)
    monkeypatch.setattr("ospi_supervisor.operations.requests.own_program", lambda _config: installed)


@pytest.mark.usefixtures("updates_itself")
def test_this_very_program_takes_nothing_from_users_and_is_not_prepared(
    site: Site, admin: Browser, archives: Archives
) -> None:
    upload = admin.upload(archives.own)
    fiche = f"mises-a-jour/televersements/{upload}/fiche"
    card = plain_spaces(unescape(admin.get(fiche).text))
    assert card.count(f"Superviseur {__version__} → 99.0") == 2
    assert "La plateforme n'est ni arrêtée ni touchée : ces pages s'absentent quelques secondes." in card
    for other in ("11.5.0", "Portail BI", "page de maintenance", "Valider avant", "switch_at", "Durée"):
        assert other not in card, other
    hour = (now() + timedelta(hours=3)).isoformat()
    address = f"mises-a-jour/televersements/{upload}/importer"
    fields, json = {"notice_read": "1", "switch_at": hour}, {"Accept": "application/json"}
    refused = admin.post(address, data=fields, headers=json)
    assert refused.status_code == 422
    assert "ne se prépare pas pour une heure" in refused.get_json()["message"]
    assert site.operations.web.requests_after(0) == []
    fields = {"notice_read": "1", "start_at": hour}
    assert admin.post(address, data=fields, headers=json).status_code == 202
    [request] = site.operations.web.requests_after(0)
    assert (request.payload["own"], request.payload["switch_at"]) == (True, None)


def test_a_release_of_the_platform_says_what_it_takes_from_users(admin: Browser, archives: Archives) -> None:
    upload = admin.upload(archives.good)
    card = plain_spaces(unescape(admin.get(f"mises-a-jour/televersements/{upload}/fiche").text))
    assert card.count("11.5.0 → 11.6.0") == 2
    for said in ("Portail BI", "Elle commence par une sauvegarde", "Valider avant d'ouvrir à tous", "switch_at"):
        assert said in card, said
