"""« Paramètres »: Général and Versions."""

from datetime import timedelta

import pytest

from ospi_supervisor.domain.settings import PUT_OFF, put_off_value
from ospi_supervisor.store.automatic_store import AutomaticStore
from ospi_supervisor.store.web_models import Session
from ospi_supervisor.system.zone import local_zone
from tests.support.site import PASSWORD, Browser, Site, now
from tests.web.activation import asked

GENERAL, VERSIONS, REPORTS = "parametres/general", "parametres/versions", "parametres/versions/reports"

# --- Général -----------------------------------------------------------------------------------------------------


def test_the_line_its_value_and_its_effect(admin: Browser) -> None:
    page = admin.get(GENERAL).text
    for words in ("update.auto.disable", "NON", "Jamais modifié", "se met à jour automatiquement, la nuit"):
        assert words in page
    assert admin.get("parametres/").headers["Location"].endswith(GENERAL)


def test_a_change_is_asked_of_the_worker_and_then_shown(site: Site, admin: Browser) -> None:
    response = admin.post(GENERAL, data={"name": "update.auto.disable", "value": "OUI"})
    assert response.status_code == 303
    request = asked(site)
    assert request.payload == {"name": "update.auto.disable", "value": "OUI"}
    address = response.headers["Location"].removeprefix("/superviseur/")
    assert "Le changement est transmis" in admin.get(address).text
    AutomaticStore(site.engine).change_setting("update.auto.disable", "OUI", "admin", now())
    site.engine.answer(request.id, accepted=True, now=now())
    page = admin.get(address).text
    assert "Paramètre enregistré." in page
    assert "Modifié par admin le" in page
    line = site.operations.web.audit(1)[0]
    assert (line.action, line.detail) == ("paramètre modifié", f"update.auto.disable : OUI, demande {request.id}")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"name": "update.auto.disable", "value": "PEUT-ÊTRE"}, "donnez OUI ou NON"),
        ({"name": "autre", "value": "OUI"}, "il n'y a pas de paramètre"),
        ({}, "il n'y a pas de paramètre"),
    ],
)
def test_what_is_no_value_is_refused_in_the_page(
    site: Site, admin: Browser, fields: dict[str, str], words: str
) -> None:
    response = admin.post(GENERAL, data=fields)
    assert response.status_code in (404, 422)
    assert words[1:] in response.text.replace("&#39;", "'")
    assert site.operations.web.requests_after(0) == []


def test_an_old_sign_in_is_confirmed_first(site: Site, admin: Browser) -> None:
    Session.update(created_at=now() - timedelta(hours=1)).execute()
    fields = {"name": "update.auto.disable", "value": "OUI"}
    response = admin.post(GENERAL, data=fields)
    assert response.status_code == 403
    assert 'name="password"' in response.text
    assert site.operations.web.requests_after(0) == []
    assert admin.post(GENERAL, data=fields | {"password": PASSWORD}).status_code == 303


def test_a_change_without_the_token_is_refused(site: Site, admin: Browser) -> None:
    admin.token = "faux"
    assert admin.post(GENERAL, data={"name": "update.auto.disable", "value": "OUI"}).status_code == 400
    assert site.operations.web.requests_after(0) == []


# --- Versions ----------------------------------------------------------------------------------------------------


def test_a_version_is_put_off_and_taken_back(site: Site, admin: Browser) -> None:
    assert "Aucune version n'est reportée" in admin.get(VERSIONS).text
    response = admin.post(REPORTS, data={"version": "11.6.0", "reason": "clôture du PMSI", "days": "7"})
    assert response.status_code == 303
    asked_for = asked(site)
    until = (now().astimezone(local_zone()).date() + timedelta(days=7)).isoformat()
    assert asked_for.payload == {"name": f"{PUT_OFF}11.6.0", "value": f"{until}|clôture du PMSI"}
    AutomaticStore(site.engine).change_setting(asked_for.payload["name"], asked_for.payload["value"], "admin", now())
    site.engine.answer(asked_for.id, accepted=True, now=now())
    page = admin.get(response.headers["Location"].removeprefix("/superviseur/")).text
    assert "Paramètre enregistré." in page
    assert "clôture du PMSI" in page
    assert "pas avant le " in page
    line = site.operations.web.audit(1)[0]
    assert (line.action, "clôture du PMSI" in line.detail) == ("version reportée", True)
    admin.post(REPORTS, data={"version": "11.6", "lift": "1"})
    assert asked(site).payload == {"name": f"{PUT_OFF}11.6.0", "value": ""}
    assert site.operations.web.audit(1)[0].action == "report levé"


def test_one_whose_day_has_come_is_shown_no_more(site: Site, admin: Browser) -> None:
    over = put_off_value("congés", now().date() - timedelta(days=1))
    AutomaticStore(site.engine).change_setting(f"{PUT_OFF}11.6.0", over, "admin", now())
    assert "Aucune version n'est reportée" in admin.get(VERSIONS).text


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"version": "toutes", "reason": "x"}, "pas un numéro de version"),
        ({"version": "11.6.0", "reason": ""}, "onnez la raison du report"),
        ({}, "pas un numéro de version"),
    ],
)
def test_a_put_off_that_makes_no_sense_keeps_what_was_typed(
    site: Site, admin: Browser, fields: dict[str, str], words: str
) -> None:
    response = admin.post(REPORTS, data=fields)
    assert response.status_code == 422
    assert words in response.text.replace("&#39;", "'")
    assert fields.get("version", "") in response.text
    assert site.operations.web.requests_after(0) == []
