"""Suivi and Historique as the server renders them, without JavaScript."""

import json
from datetime import timedelta
from html import unescape
from typing import Any

from ospi_supervisor.domain.lifecycle import Phase, PhaseStatus, UpdateStatus
from ospi_supervisor.domain.manifest import OWN_PRODUCT
from ospi_supervisor.domain.requests import Source
from ospi_supervisor.store.engine_models import Event
from tests.support.reading import plain_spaces
from tests.support.site import PREFIX, Browser, Site, now


def test_without_an_update_the_page_says_so(admin: Browser) -> None:
    assert "Aucune mise à jour n'a encore été demandée" in admin.get("mises-a-jour/suivi").text


def test_an_update_under_way(site: Site, admin: Browser) -> None:
    site.engine.beat(now(), 1)
    number = site.update()
    site.event(number, "log", Phase.PREREQUISITES, level="warning", message="Mémoire vive : 8 Go.")
    site.event(number, "log", Phase.STAGE, level="output", message="ligne un\nligne <deux>")
    page = admin.get("mises-a-jour/suivi").text
    assert "Ne redémarrez pas le serveur" in page
    assert "une à plusieurs heures" in page
    assert 'class="warning"' in page
    assert "ligne un\nligne &lt;deux&gt;" in page
    assert "Annuler la mise à jour" in page
    assert page.count('data-status="doing"') == 1
    assert 'http-equiv="refresh"' in page


def test_what_a_phase_last_said_of_its_progress_is_shown_until_it_ends(site: Site, admin: Browser) -> None:
    number = site.update()
    site.progress(number, Phase.VERIFY, 10.0, "Table <des> séjours")
    site.event(number, "log", Phase.VERIFY, level="output", message="une ligne")
    said = '<span class="message">Table &lt;des&gt; séjours</span>'
    assert said in admin.get("mises-a-jour/suivi").text
    site.phase(number, Phase.VERIFY, PhaseStatus.DONE)
    assert said not in admin.get("mises-a-jour/suivi").text


def test_past_the_point_of_cancelling_there_is_no_button(site: Site, admin: Browser) -> None:
    number = site.update()
    for phase in (Phase.VERIFY, Phase.PREREQUISITES, Phase.STAGE, Phase.BACKUP):
        site.phase(number, phase, PhaseStatus.DONE)
    site.phase(number, Phase.MAINTENANCE, PhaseStatus.DOING)
    assert "Annuler la mise à jour" not in admin.get("mises-a-jour/suivi").text


def test_one_of_this_very_program_is_cancelled_until_it_may_change_it(site: Site, admin: Browser) -> None:
    site.engine.beat(now(), 1)
    number = site.update(product=OWN_PRODUCT)
    page = unescape(admin.get("mises-a-jour/suivi").text)
    assert "C'est possible tant que le changement de version n'a pas commencé." in page
    for phase in (Phase.VERIFY, Phase.PREREQUISITES):
        site.phase(number, phase, PhaseStatus.DONE)
    page = unescape(admin.get("mises-a-jour/suivi").text)
    assert ("Annuler la mise à jour" in page, "L'annulation n'est plus possible." in page) == (False, True)


def test_a_cancellation_that_nobody_asked_for_says_why(site: Site, admin: Browser) -> None:
    number = site.update()
    site.engine.set_failure(number, Phase.MAINTENANCE, None)
    site.engine.set_failure_words(number, "« Paie » commence")
    site.engine.finish(number, UpdateStatus.CANCELLED, now())
    page = plain_spaces(admin.get(f"mises-a-jour/suivi?update={number}").text)
    assert "« Paie » commence." in page
    assert "Étape en cause" not in page


def test_cancelling_asks_the_worker(site: Site, admin: Browser) -> None:
    number = site.update()
    assert admin.post(f"mises-a-jour/suivi/{number}/annuler").status_code == 303
    [request] = site.operations.web.requests_after(0)
    assert (request.kind, request.payload, request.requested_by) == ("cancel", {"update_id": number}, "admin")


def test_what_becomes_of_a_cancellation_is_shown(site: Site, admin: Browser) -> None:
    number = site.update()
    followed = admin.post(f"mises-a-jour/suivi/{number}/annuler").headers["Location"].removeprefix(f"{PREFIX}/")
    waiting = admin.get(followed).text
    assert "annulation est transmise" in waiting
    assert 'http-equiv="refresh"' in waiting
    site.engine.answer(1, accepted=False, message="cette mise à jour ne peut plus être annulée", now=now())
    refused = admin.get(followed).text.replace("&#39;", "'")
    assert "La mise à jour n'est pas annulée" in refused
    assert "Cette mise à jour ne peut plus être annulée." in refused
    assert f'href="{PREFIX}/mises-a-jour/suivi?update={number}"' in refused
    assert 'http-equiv="refresh"' not in refused
    again = admin.post(f"mises-a-jour/suivi/{number}/annuler").headers["Location"].removeprefix(f"{PREFIX}/")
    site.engine.answer(2, accepted=True, update_id=number, now=now())
    assert admin.get(again).headers["Location"] == f"{PREFIX}/mises-a-jour/suivi?update={number}"


def test_a_failure_says_what_happened_and_what_to_do(site: Site, admin: Browser) -> None:
    number = site.update()
    site.phase(number, Phase.VERIFY, PhaseStatus.DONE)
    site.engine.set_failure(number, Phase.MIGRATE, "le programme 20-schema a échoué")
    site.engine.set_phase(number, Phase.MIGRATE, status=PhaseStatus.UNDONE)
    site.engine.lock_version("portail-bi", "11.6.0", number, now())
    site.engine.finish(number, UpdateStatus.ROLLED_BACK, now())
    page = admin.get(f"mises-a-jour/suivi?update={number}").text
    for words in (
        "la plateforme est revenue à l'ancienne version",
        "Migration des données",
        "Le programme 20-schema a échoué.",
        "Ne relancez pas cette mise à jour",
        "support@ospi.fr",
        "échouée, puis annulée",
        "non effectuée",
    ):
        assert words in page.replace("&#39;", "'"), words


def test_no_clock_runs_on_after_the_end(site: Site, admin: Browser) -> None:
    number = site.update()
    assert admin.get("mises-a-jour/suivi").text.count("data-since") == 2
    site.engine.finish(number, UpdateStatus.INTERVENTION, now())
    assert "data-since" not in admin.get("mises-a-jour/suivi").text


def test_each_ending_has_its_own_words(site: Site, admin: Browser) -> None:
    pages = set()
    for status in UpdateStatus:
        if status.is_final:
            number = site.update(status)
            page = admin.get(f"mises-a-jour/suivi?update={number}").text
            pages.add(page.split('<h2 id="titre">')[1].split("</h2>")[0])
    assert len(pages) == 6


def test_a_stopped_worker_is_said_on_every_page(site: Site, admin: Browser) -> None:
    assert "Service de mise à jour arrêté" in admin.get("support").text
    site.engine.beat(now(), 1)
    assert "Service de mise à jour arrêté" not in admin.get("support").text


def test_every_page_says_not_to_reboot_during_an_update(site: Site, admin: Browser) -> None:
    site.update()
    for path in ("", "support", "tracabilite", "mises-a-jour/import", "mises-a-jour/suivi", "mises-a-jour/historique"):
        assert "Ne redémarrez pas le serveur" in admin.get(path).text, path


def test_a_request_leads_to_its_update(site: Site, admin: Browser) -> None:
    asked = site.operations.request_backup(by="admin", source=Source.IMPORT)
    waiting = admin.get(f"mises-a-jour/suivi?demande={asked}")
    assert "La demande est transmise" in waiting.text
    number = site.update()
    site.engine.answer(asked, accepted=True, update_id=number, now=now())
    assert admin.get(f"mises-a-jour/suivi?demande={asked}").headers["Location"].endswith(f"suivi?update={number}")


def test_a_request_that_was_never_made_is_not_waited_for(admin: Browser) -> None:
    assert admin.get("mises-a-jour/suivi?demande=999").status_code == 404


def test_a_planned_update_says_when_and_what_and_gives_no_orders(site: Site, admin: Browser) -> None:
    site.engine.beat(now(), 1)
    number = site.planned(now() + timedelta(days=2))
    page = admin.get(f"mises-a-jour/suivi?update={number}").text
    assert "Une mise à jour est planifiée." in page
    assert "Annuler la mise à jour" in page
    assert "Ne redémarrez pas" not in page
    assert "Fin prévue" not in page
    for path in ("", "support", "mises-a-jour/import", "mises-a-jour/historique"):
        assert "Une mise à jour est planifiée." in admin.get(path).text, path
        assert "11.5.0 → 11.6.0" in admin.get(path).text, path


def test_a_request_that_the_worker_refused_says_why(site: Site, admin: Browser) -> None:
    site.engine.answer(8, accepted=False, message="une autre mise à jour est en cours", now=now())
    assert "Une autre mise à jour est en cours." in admin.get("mises-a-jour/suivi?demande=8").text


def test_a_silent_phase_says_to_call_the_support(site: Site, admin: Browser) -> None:
    site.engine.beat(now(), 1)
    number = site.update()
    assert "signe de vie" not in admin.get("mises-a-jour/suivi").text
    Event.update(at=now(), data={"at": (now() - timedelta(minutes=16)).isoformat(), "phase": "verify"}).execute(
        site.engine._database.database
    )
    page = admin.get(f"mises-a-jour/suivi?update={number}").text
    assert "signe de vie" in page
    assert "04 26 10 06 36" in page


def test_a_long_phase_that_lives_is_said_to_be_normal(site: Site, admin: Browser) -> None:
    site.engine.beat(now(), 1)
    past, number = site.update(UpdateStatus.SUCCEEDED), site.update()
    an_hour_ago = now() - timedelta(hours=1)
    ended = an_hour_ago + timedelta(minutes=2)
    site.engine.set_phase(past, Phase.VERIFY, status=PhaseStatus.DONE, started_at=an_hour_ago, ended_at=ended)
    assert "C'est normal" not in admin.get("mises-a-jour/suivi").text
    site.engine.set_phase(number, Phase.VERIFY, started_at=an_hour_ago)
    site.progress(number, Phase.VERIFY, 50.0)
    page = admin.get("mises-a-jour/suivi").text.replace("&#39;", "'")
    assert "plus longue que d'habitude, mais elle avance" in page
    assert "signe de vie" not in page


def test_hours_of_output_cost_the_page_nothing(site: Site, admin: Browser) -> None:
    number = site.update()
    site.event(number, "log", Phase.PREREQUISITES, level="warning", message="Mémoire vive : 8 Go.")
    rows = (
        (
            number,
            now().isoformat(),
            json.dumps({"at": now().isoformat(), "level": "output", "message": f"ligne {line}."}),
        )
        for line in range(100_000)
    )
    with site.engine.transaction():
        connection: Any = site.engine._database.database
        connection.connection().executemany(
            "INSERT INTO event (update_id, at, kind, phase, level, data) VALUES (?, ?, 'log', 'migrate', 'output', ?)",
            rows,
        )
    live: Any = site.operations.reader._database._live
    steps: list[int] = []
    admin.get("mises-a-jour/suivi")
    live.connection().set_progress_handler(lambda: steps.append(1), 1000)
    page = admin.get("mises-a-jour/suivi").text
    live.connection().set_progress_handler(None, 0)
    assert "Mémoire vive : 8 Go." in page
    assert "ligne 99999." in page
    assert "ligne 99800.\n" in page
    assert "ligne 99799." not in page
    assert len(steps) < 100, "thousands of steps of SQLite's machine; one row costs ten"


def test_a_report_says_who_what_when_and_for_how_long(site: Site, admin: Browser) -> None:
    number = site.update()
    begun = now() - timedelta(minutes=10)
    site.engine.set_phase(number, Phase.MAINTENANCE, status=PhaseStatus.DONE, started_at=begun, ended_at=begun)
    reopened = begun + timedelta(minutes=3)
    site.engine.set_phase(number, Phase.REOPEN, status=PhaseStatus.DONE, started_at=reopened, ended_at=reopened)
    site.event(number, "log", Phase.STAGE, level="info", message="Préparée.")
    site.engine.finish(number, UpdateStatus.SUCCEEDED, now())
    assert f"suivi/{number}/rapport" in admin.get(f"mises-a-jour/suivi?update={number}").text
    page = admin.get(f"mises-a-jour/suivi/{number}/rapport").text
    for words in ("La mise à jour a réussi.", "11.5.0 → 11.6.0", "3 min 00 s", "Préparée.", "terminée"):
        assert words in page, words
    document = admin.get(f"mises-a-jour/suivi/{number}/rapport", headers={"Accept": "application/json"}).json
    assert document is not None
    assert document["downtime_seconds"] == 180
    assert document["update"]["to"] == "11.6.0"
    assert document["journal"][0]["message"] == "Préparée."
    assert admin.get("mises-a-jour/suivi/99/rapport").status_code == 404
