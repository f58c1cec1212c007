"""« Activation par Internet »: what was tested and found, what a night came to, and its notice afterwards."""

import re
from typing import Any

import pytest

from ospi_supervisor.domain.lifecycle import UpdateStatus
from ospi_supervisor.feed.failures import connection_failure, status_failure
from ospi_supervisor.store.automatic_store import AutomaticStore
from ospi_supervisor.store.engine_rows import NewUpdate
from tests.support.site import Browser, Site, now
from tests.web.activation import ACTIVATION, LINKS, a_check, asked


def test_the_tab_shows_system_server_conditions_and_that_nothing_was_tested(admin: Browser) -> None:
    page = admin.get(ACTIVATION).text
    for words in ("Système d'exploitation", "aucun pour ce système", "Paramètre update.auto.disable", "jamais"):
        assert words in page
    assert "Pas encore testée" in page
    assert "Ce serveur ne se met pas à jour automatiquement" in page


@pytest.mark.parametrize("installed", ["11.6.0", "11.7.0"])
def test_what_was_installed_since_the_check_is_not_offered_again(site: Site, admin: Browser, installed: str) -> None:
    AutomaticStore(site.engine).note(last_check=a_check())
    site.engine.beat(now(), 1)
    assert "La version 11.6.0 est disponible" in admin.get("").text
    link = site.folder / "platform/current"
    (link.parent / "releases" / installed).mkdir()
    link.unlink()
    link.symlink_to(f"releases/{installed}")
    site.engine.beat(now(), 1)
    assert "est disponible" not in admin.get("").text
    page = admin.get(ACTIVATION).text
    assert "aucune plus récente" in page
    assert "version 11.6.0 disponible" not in page


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


def test_the_release_of_tonight_and_the_one_that_waits_are_shown_together(site: Site, admin: Browser) -> None:
    """Where more is known than the archive to take now."""
    reason, cure = "déploiement progressif, ouverte le 05/12/2026", "Rien à faire."
    waits = {"version": "11.7.0", "obstacle": "rollout", "reason": reason, "cure": cure, "waits": True}
    AutomaticStore(site.engine).note(
        last_check=a_check() | {"outlook": {"path": ["11.6.0", "11.7.0"], "blocked": waits}}
    )
    page = admin.get(ACTIVATION).text
    for words in ("6,3 Mo", "11.5.0 → 11.6.0 → 11.7.0", "en attente", reason[1:], "versions?version=11.6.0#reports"):
        assert words in page


def test_after_a_check_that_failed_the_repository_is_not_told_as_never_asked(site: Site, admin: Browser) -> None:
    AutomaticStore(site.engine).note(last_check=a_check("tcp", "api.fr refuse la connexion", "ouvrez cet accès"))
    assert "la dernière vérification a échoué" in admin.get(ACTIVATION).text


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
        assert re.search(r"mise à jour automatique( \(|<small>)Activation par Internet", text)
    response = admin.get(f"mises-a-jour/suivi/{number}/notice")
    assert (response.mimetype, response.data) == ("application/pdf", b"%PDF-1.4")
    assert site.operations.web.audit(1)[0].action == "notice ouverte"


def test_an_import_has_no_notice_there(site: Site, admin: Browser) -> None:
    number = site.update()
    assert admin.get(f"mises-a-jour/suivi/{number}/notice").status_code == 404
    assert admin.get("mises-a-jour/suivi/99/notice").status_code == 404
