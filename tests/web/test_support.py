"""After a failure: what the pages say, the code that is handed to the worker, « Reprendre », and the diagnostics."""

import io
import re
import zipfile
from datetime import timedelta

import pytest

from ospi_supervisor.domain.lifecycle import Phase, PhaseStatus, UpdateStatus
from ospi_supervisor.domain.requests import Source
from ospi_supervisor.domain.unlock import encode_code
from ospi_supervisor.store.web_models import Session
from tests.support.site import PASSWORD, Browser, Site, now

CODE = encode_code(bytes(range(64)))


def failed(site: Site, status: UpdateStatus = UpdateStatus.ROLLED_BACK) -> int:
    """An update that failed in `migrate`, with its lock."""
    number = site.update(to="11.5.9")
    site.engine.set_failure(number, Phase.MIGRATE, "le programme 20-schema a échoué")
    site.engine.set_phase(number, Phase.MIGRATE, status=PhaseStatus.UNDONE)
    site.engine.lock_version("portail-bi", "11.5.9", number, now())
    site.engine.finish(number, status, now())
    return number


def words(browser: Browser, path: str) -> str:
    return browser.get(path).text.replace("&#39;", "'").replace("\u00a0", " ")


def an_hour_later() -> None:
    Session.update(created_at=now() - timedelta(hours=1)).execute()


def test_the_menu_says_of_an_update_that_stopped_that_it_did(site: Site, admin: Browser) -> None:
    assert 'class="pill"' not in admin.get("support").text
    failed(site, UpdateStatus.INTERVENTION)
    assert '<span class="pill">arrêtée</span>' in admin.get("support").text


def test_without_a_failure_there_is_nothing_to_release(site: Site, admin: Browser) -> None:
    page = words(admin, "support")
    assert "04 26 10 06 36" in page
    assert "Télécharger le diagnostic" in page
    assert "Débloquer" not in page


@pytest.mark.parametrize("path", ["support", "mises-a-jour/suivi"])
def test_a_failure_says_all_that_there_is_to_know_and_to_do(site: Site, admin: Browser, path: str) -> None:
    failed(site)
    page = words(admin, path)
    for expected in (
        "la plateforme est revenue à l'ancienne version",
        "Migration des données",
        "Le programme 20-schema a échoué.",
        "L'ancienne version a été rouverte à tous",
        "04 26 10 06 36",
        "support@ospi.fr",
        site.operations.challenges()[0],
        "Code reçu du support",
        "Télécharger le diagnostic",
    ):
        assert expected in page, expected
    assert "Reprendre</button>" not in page
    assert "reprise" not in page
    assert 'name="password"' not in page


@pytest.mark.parametrize("path", ["support", "mises-a-jour/suivi"])
def test_after_an_intervention_the_update_can_be_taken_up_again(site: Site, admin: Browser, path: str) -> None:
    number = failed(site, UpdateStatus.INTERVENTION)
    page = words(admin, path)
    assert f'action="/superviseur/support/reprise/{number}#' in page
    assert "le retour à l'ancienne version ou, si la" in page
    assert "cette mise à jour ne peut plus être reprise." in page
    site.config.maintenance.flag.touch()
    page = words(admin, path)
    assert "cette mise à jour ne peut plus être reprise, et la page de maintenance reste en place." in page
    response = admin.post(f"support/reprise/{number}")
    [request] = site.operations.web.requests_after(0)
    assert (request.kind, request.payload, request.requested_by) == ("resume", {"update_id": number}, "admin")
    where = response.headers["Location"].removeprefix("/superviseur/")
    assert "Service de mise à jour arrêté : la demande est enregistrée" in words(admin, where)
    site.engine.beat(now(), 1)
    assert "La demande est transmise" in words(admin, where)
    site.engine.answer(request.id, accepted=True, update_id=number, now=now())
    assert admin.get(where).headers["Location"].endswith(f"suivi?update={number}")


def test_a_code_is_handed_to_the_worker_and_its_answer_shown(site: Site, admin: Browser) -> None:
    number = failed(site)
    response = admin.post("support/deblocage", data={"code": f" {CODE[:60]}\n{CODE[60:]} "})
    [request] = site.operations.web.requests_after(0)
    assert (request.kind, request.source) == ("unlock", "import")
    assert "".join(request.payload["code"].split()) == CODE
    line = site.operations.web.audit(1)[0]
    assert (line.actor, line.action, line.detail) == ("admin", "code de déblocage du support donné", "demande 1")
    where = response.headers["Location"].removeprefix("/superviseur/")
    assert 'http-equiv="refresh"' in words(admin, where)
    site.engine.answer(request.id, accepted=True, update_id=number, now=now())
    page = words(admin, where)
    assert "Le code est accepté." in page
    assert "maintenance off" not in page
    site.engine.release_lock_of(number, "admin", now())
    site.config.maintenance.flag.touch()
    assert "La page de maintenance est toujours affichée : « ospi-supervisor maintenance off »" in words(admin, where)


@pytest.mark.parametrize("status", [UpdateStatus.ROLLED_BACK, UpdateStatus.FAILED, UpdateStatus.INTERVENTION])
def test_once_released_a_failure_asks_for_nothing_more(site: Site, admin: Browser, status: UpdateStatus) -> None:
    number = failed(site, status)
    assert "Code reçu du support" in words(admin, "mises-a-jour/suivi")
    site.engine.release_lock_of(number, "admin", now())
    page = words(admin, "mises-a-jour/suivi")
    assert re.search("[Ll]e support a débloqué (cette|la) version", page)
    for word in ("verrouillée", "N'agissez pas", "Code reçu du support", "Reprendre</button>"):
        assert word not in page, word


def test_a_code_that_the_worker_refuses_says_why(site: Site, admin: Browser) -> None:
    failed(site)
    admin.post("support/deblocage", data={"code": CODE})
    site.engine.answer(1, accepted=False, message="ce code a déjà servi ; il ne sert qu'une fois", now=now())
    assert "Ce code a déjà servi ; il ne sert qu'une fois." in words(admin, "support?demande=1")


def test_a_request_that_never_was_or_of_another_kind_says_nothing_here(site: Site, admin: Browser) -> None:
    other = site.operations.request_setting("update.auto.disable", "OUI", by="admin", source=Source.IMPORT)
    site.engine.answer(other, accepted=True, now=now())
    for page in ("support", "sauvegardes", "mises-a-jour/activation"):
        for number in (other, 99999):
            text = words(admin, f"{page}?demande={number}")
            assert 'http-equiv="refresh"' not in text, page
            for said in ("La demande est transmise", "débloquée", "est faite", "Vérification terminée"):
                assert said not in text, page
    assert "Paramètre enregistré" in words(admin, f"parametres/general?demande={other}")


def test_what_ends_with_a_stop_gets_no_second_one(site: Site, admin: Browser) -> None:
    number = failed(site)
    site.engine.set_failure(number, Phase.MIGRATE, "permission denied for schema public.")
    assert "Permission denied for schema public.</p>" in words(admin, "support")


def test_what_is_no_code_is_refused_at_once_and_stays_in_the_form(site: Site, admin: Browser) -> None:
    failed(site)
    response = admin.post("support/deblocage", data={"code": "<ABC>"})
    assert response.status_code == 422
    assert "mal recopié" in response.text
    assert "&lt;ABC&gt;</textarea>" in response.text
    assert site.operations.web.requests_after(0) == []


def test_nothing_locked_and_nothing_stopped_are_refused(site: Site, admin: Browser) -> None:
    assert admin.post("support/deblocage", data={"code": CODE}).status_code == 422
    assert admin.post(f"support/reprise/{site.update(UpdateStatus.SUCCEEDED)}").status_code == 422
    assert admin.post("support/reprise/99", headers={"Accept": "application/json"}).json == {
        "code": "not_stopped",
        "message": "la mise à jour n° 99 n'attend pas d'intervention",
    }


@pytest.mark.parametrize("path", ["support/deblocage", "support/reprise/1"])
def test_the_password_is_asked_for_again_and_csrf_is_required(site: Site, admin: Browser, path: str) -> None:
    failed(site, UpdateStatus.INTERVENTION)
    assert admin.client.post(f"/superviseur/{path}", data={"code": CODE}).status_code == 400
    an_hour_later()
    assert words(admin, "support").count('name="password"') == 2
    refused = admin.post(path, data={"code": CODE})
    assert refused.status_code == 403
    assert "Confirmez votre mot de passe" in refused.text
    assert CODE in refused.text or "reprise" in path
    assert admin.post(path, data={"code": CODE, "password": "pas le bon"}).status_code == 403
    assert site.operations.web.requests_after(0) == []
    assert admin.post(path, data={"code": CODE, "password": PASSWORD}).status_code == 303
    assert len(site.operations.web.requests_after(0)) == 1


def test_the_diagnostics_are_downloaded_and_that_is_recorded(site: Site, admin: Browser) -> None:
    response = admin.get("support/diagnostic")
    assert response.mimetype == "application/zip"
    assert "diagnostic-portail-bi-" in response.headers["Content-Disposition"]
    assert "LISEZMOI.txt" in zipfile.ZipFile(io.BytesIO(response.data)).namelist()
    assert site.operations.web.audit(1)[0].action == "diagnostic téléchargé"


def test_a_stream_goes_on_through_an_update_that_was_taken_up_again(site: Site, admin: Browser) -> None:
    number = site.update(UpdateStatus.INTERVENTION)
    first_end = site.operations.reader.end_of(number)
    site.event(number, "log", Phase.MIGRATE, level="warning", message="Version débloquée.")
    stream = {"Accept": "text/event-stream", "Last-Event-ID": str(first_end)}
    assert admin.get(f"api/updates/{number}/events", headers=stream).status_code == 204
    site.engine.resume(number)
    site.event(number, "end", Phase.MIGRATE, status="rolled_back")
    site.engine.finish(number, UpdateStatus.ROLLED_BACK, now())
    again = admin.get(f"api/updates/{number}/events", headers=stream)
    assert again.status_code == 200
    assert "rolled_back" in again.text


def test_the_page_is_told_as_it_is_now(site: Site, admin: Browser) -> None:
    failed(site, UpdateStatus.INTERVENTION)
    flag = site.config.maintenance.flag
    for up in (True, False):
        flag.parent.mkdir(parents=True, exist_ok=True)
        flag.touch() if up else flag.unlink()
        page = words(admin, "support")
        assert ("Vos utilisateurs voient : la page de maintenance." in page) is up
        assert ("Vos utilisateurs voient : la plateforme." in page) is not up
        assert f"<dd>{'la page de maintenance' if up else 'la plateforme'}" in words(admin, "mises-a-jour/suivi")
