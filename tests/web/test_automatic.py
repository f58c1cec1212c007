"""« Activation par Internet » and « Paramètres / Général »."""

from datetime import timedelta
from typing import Any

import pytest

from ospi_supervisor.domain.lifecycle import UpdateStatus
from ospi_supervisor.feed.words import connection_failure, status_failure
from ospi_supervisor.store.automatic_store import AutomaticStore
from ospi_supervisor.store.engine_rows import NewUpdate
from ospi_supervisor.store.web_models import Session
from tests.support.site import PASSWORD, Browser, Site, now

ACTIVATION, GENERAL = "mises-a-jour/activation", "parametres/general"
LINKS = ("name", "tcp", "proxy", "tls", "http", "metadata")


def asked(site: Site) -> Any:
    """The latest request made of the worker."""
    return site.operations.web.requests_after(0)[-1]


def a_check(broken: str = "", error: str = "", remedy: str = "") -> dict[str, Any]:
    """What the worker records of a check, `broken` at one link."""
    links = [
        {
            "name": name,
            "label": name,
            "seconds": 0.004,
            "detail": "bien",
            "error": error if name == broken else "",
            "remedy": remedy if name == broken else "",
        }
        for name in LINKS
    ]
    return {
        "at": now().isoformat(),
        "repository": "https://api.r9-pmsipilot.com/repository/",
        "links": links,
        "error": error,
        "fresh_until": None if error else (now() + timedelta(days=5)).isoformat(),
        "available": None if error else {"version": "11.6.0", "kind": "delta", "base": "11.5.0", "size": 6_300_000},
    }


def test_the_tab_shows_system_server_conditions_and_that_nothing_was_tested(admin: Browser) -> None:
    page = admin.get(ACTIVATION).text
    for words in ("Système d'exploitation", "aucun pour ce système", "Paramètre update.auto.disable", "jamais"):
        assert words in page
    assert "Pas encore testée" in page
    assert "Ce serveur ne se met pas à jour automatiquement" in page


def test_a_check_is_asked_of_the_worker_and_waited_for(site: Site, admin: Browser) -> None:
    response = admin.post(f"{ACTIVATION}/verifier")
    assert response.status_code == 303
    request = asked(site)
    assert (request.kind, request.requested_by) == ("auto_check", "admin")
    address = response.headers["Location"].removeprefix("/superviseur/")
    waiting = admin.get(address).text
    assert "La demande est transmise" in waiting
    assert 'http-equiv="refresh"' in waiting
    site.engine.answer(request.id, accepted=True, now=now())
    assert "Vérification terminée." in admin.get(address).text
    assert "http-equiv" not in admin.get(address).text
    assert site.operations.web.audit(1)[0].action == "vérification du dépôt demandée"


def test_the_workers_refusal_is_shown(site: Site, admin: Browser) -> None:
    admin.post(f"{ACTIVATION}/verifier")
    number = asked(site).id
    site.engine.answer(number, accepted=False, message="une vérification est déjà en cours", now=now())
    assert "Une vérification est déjà en cours." in admin.get(f"{ACTIVATION}?demande={number}").text


def test_each_link_with_its_time_and_the_version_available(site: Site, admin: Browser) -> None:
    AutomaticStore(site.engine).note(last_check=a_check())
    page = admin.get(ACTIVATION).text
    assert page.count("4 ms") == len(LINKS)
    assert "6,3 Mo" in page
    assert "archive différentielle depuis 11.5.0" in page


@pytest.mark.parametrize(
    ("link", "failure"),
    [
        ("tcp", connection_failure(ConnectionRefusedError(), "api.fr")),
        ("proxy", status_failure(407, "api.fr", through_proxy=True)),
        ("http", status_failure(403, "api.fr")),
        ("http", status_failure(302, "api.fr")),
        ("http", status_failure(503, "api.fr")),
    ],
)
def test_a_broken_link_shows_its_error_and_its_remedy(site: Site, admin: Browser, link: str, failure: Any) -> None:
    AutomaticStore(site.engine).note(last_check=a_check(link, failure.problem, failure.remedy))
    page = admin.get(ACTIVATION).text.replace("&#39;", "'")
    assert f'class="refused" data-link="{link}"' in page
    assert failure.problem in page
    assert failure.remedy[1:] in page


def test_a_fetch_under_way_is_shown_without_script(site: Site, admin: Browser) -> None:
    site.engine.beat(now(), 1)
    AutomaticStore(site.engine).note(activity={"step": "fetch", "version": "11.6.0", "percent": 42.0})
    page = admin.get(ACTIVATION).text
    assert "La version 11.6.0 est en cours de téléchargement." in page
    assert 'value="42.0"' in page
    assert 'http-equiv="refresh"' in page


def test_what_a_night_came_to_is_told_and_linked(site: Site, admin: Browser) -> None:
    number = site.update(UpdateStatus.SUCCEEDED)
    run = {"at": now().isoformat(), "night": "2026-11-21", "message": "mise à jour n° 1 commencée", "ok": True}
    AutomaticStore(site.engine).note(last_run=run | {"update": number})
    page = admin.get(ACTIVATION).text
    assert "la nuit du 21/11/2026" in page
    assert f'suivi?update={number}">mise à jour n° 1 commencée</a>' in page
    AutomaticStore(site.engine).note(last_run=run | {"update": None, "message": "aucune nouvelle version"})
    assert "aucune nouvelle version." in admin.get(ACTIVATION).text


def test_the_document_for_programs(admin: Browser) -> None:
    document = admin.get("api/automatic").json
    assert document is not None
    assert document["setting"]["value"] == "NON"
    assert document["last_check"] is None


# --- Paramètres / Général -----------------------------------------------------------------------------------------


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


# --- the notice, afterwards ---------------------------------------------------------------------------------------


def test_the_notice_of_an_automatic_update_is_there_afterwards(site: Site, admin: Browser) -> None:
    site.config.paths.notices_dir.mkdir()
    (site.config.paths.notices_dir / "abcd.pdf").write_bytes(b"%PDF-1.4")
    new = NewUpdate(
        product="portail-bi",
        from_version="11.5.0",
        source="automatic",
        requested_by="mise à jour automatique",
        archive=site.folder / "archive",
        notice_sha256="abcd",
        notice_read_at=None,
        start_at=None,
    )
    number = site.engine.admit(new, now())
    for page in (f"mises-a-jour/suivi?update={number}", "mises-a-jour/historique"):
        text = admin.get(page).text
        assert "non lue" in text
        assert f"suivi/{number}/notice" in text
        assert "mise à jour automatique (Activation par Internet)" in text
    response = admin.get(f"mises-a-jour/suivi/{number}/notice")
    assert (response.mimetype, response.data) == ("application/pdf", b"%PDF-1.4")
    assert site.operations.web.audit(1)[0].action == "notice ouverte"


def test_an_import_has_no_notice_there(site: Site, admin: Browser) -> None:
    number = site.update()
    assert admin.get(f"mises-a-jour/suivi/{number}/notice").status_code == 404
    assert admin.get("mises-a-jour/suivi/99/notice").status_code == 404
