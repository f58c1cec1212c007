"""The hour for programs and in forms: what is refused, in which words, and what the calendar says on the pages."""

import html
import re
from collections.abc import Iterator
from datetime import date, timedelta

import pytest

from ospi_supervisor.domain.closures import Calendar, Dates
from ospi_supervisor.domain.hour import HourRules
from ospi_supervisor.domain.lifecycle import UpdateStatus
from ospi_supervisor.domain.manifest import OWN_PRODUCT
from ospi_supervisor.store.request_codec import decode
from ospi_supervisor.store.web_models import Session
from ospi_supervisor.system.zone import local_zone
from tests.support.site import PASSWORD, Archives, Browser, Site, now
from tests.web.test_imports import JSON, NOTICE_READ, press_import

ADDRESS = "api/updates/{}/{}"
HTML = {"Accept": "text/html"}


@pytest.fixture
def number(site: Site) -> int:
    site.engine.beat(now(), 1)
    return site.prepared(now() + timedelta(hours=3))


@pytest.fixture
def closed(site: Site) -> Iterator[date]:
    """Nothing may begin today nor tomorrow; the first day on which something may."""
    today = now().astimezone(local_zone()).date()
    dates = Dates(first=today, last=today + timedelta(days=1), reason="Clôture PMSI")
    usual = site.operations.hours._rules
    site.operations.hours._rules = HourRules(calendar=Calendar(dates=(dates,)), zone=local_zone)
    yield today + timedelta(days=2)
    site.operations.hours._rules = usual


def asked(site: Site) -> list[object]:
    return [decode(row.kind, row.payload) for row in site.operations.web.requests_after(0)]


@pytest.mark.parametrize(
    ("what", "fields", "words"),
    [
        ("reschedule", {}, "choisissez une heure"),
        ("reschedule", {"switch_at": "ce soir"}, "n'est pas une date"),
        ("reschedule", {"switch_at": "2020-01-01T22:00"}, "déjà passée"),
        ("reschedule", {"switch_at": "9999-12-31T23:59"}, "au plus 30 jours"),
        ("announce", {"minutes": "deux"}, "combien de minutes"),
        ("announce", {"minutes": "99999"}, "10080 minutes"),
        ("announce", {"minutes": "60", "message": "x" * 501}, "500 caractères"),
    ],
)
def test_what_is_refused_asks_nothing(
    site: Site, admin: Browser, number: int, what: str, fields: dict[str, str], words: str
) -> None:
    refused = admin.send("POST", ADDRESS.format(number, what), data=fields, headers=JSON)
    assert (refused.status_code, words in refused.get_json()["message"]) == (422, True), refused.text
    page = admin.send("POST", ADDRESS.format(number, what), data=fields, headers=HTML)
    assert page.status_code == 422
    assert words[1:] in html.unescape(page.text)
    assert asked(site) == []


def test_an_update_that_is_unknown_or_over_has_no_hour(site: Site, admin: Browser, number: int) -> None:
    later = {"switch_at": (now() + timedelta(hours=5)).isoformat()}
    assert admin.send("POST", ADDRESS.format(99, "reschedule"), data=later, headers=JSON).status_code == 404
    site.engine.finish(number, UpdateStatus.CANCELLED, now())
    assert admin.send("POST", ADDRESS.format(number, "start"), data={}, headers=JSON).status_code == 422
    assert asked(site) == []


def test_it_is_asked_with_the_password_where_the_sign_in_is_old(site: Site, admin: Browser, number: int) -> None:
    Session.update(created_at=now() - timedelta(hours=1)).execute()
    again = admin.send("POST", ADDRESS.format(number, "start"), data={}, headers=HTML)
    assert again.status_code == 403
    assert 'name="password"' in again.text
    done = admin.send("POST", ADDRESS.format(number, "start"), data={"password": PASSWORD}, headers=JSON)
    assert done.status_code == 202
    assert done.headers["Location"].endswith(f"update={number}&demande=1")
    assert len(asked(site)) == 1


def test_the_calendar_says_why_and_offers_the_next_hour(
    site: Site, admin: Browser, archives: Archives, closed: date
) -> None:
    upload = admin.upload(archives.good)
    card = html.unescape(admin.get(f"mises-a-jour/televersements/{upload}/fiche").text)
    assert "Rien ne peut commencer maintenant : « Clôture PMSI »." in card.replace("\N{NO-BREAK SPACE}", " ")
    assert re.search(rf'name="switch_at" [^>]*value="{closed.isoformat()}T00:00"', card)
    refused = press_import(admin, upload, NOTICE_READ, headers=JSON)
    assert (refused.status_code, refused.get_json()["code"]) == (422, "closed")
    assert "première heure permise ensuite" in refused.get_json()["message"]
    wanted = press_import(admin, upload, NOTICE_READ | {"switch_at": f"{closed.isoformat()}T00:00"}, headers=JSON)
    assert wanted.status_code == 202


def test_suivi_offers_no_start_that_the_calendar_forbids(admin: Browser, number: int, closed: date) -> None:
    page = html.unescape(admin.get(f"mises-a-jour/suivi?update={number}&heure=1").text)
    assert "Commencer sans attendre" not in page
    assert "« Clôture PMSI »" in page.replace("\N{NO-BREAK SPACE}", " ")
    assert f"{closed:%d/%m/%Y}" in page


def test_what_begins_at_once_is_said_as_far_as_it_has_come(site: Site, admin: Browser, number: int) -> None:
    def page(update: int) -> str:
        return html.unescape(admin.get(f"mises-a-jour/suivi?update={update}&heure=1").text)

    assert "La sauvegarde est refaite si elle n'est pas récente" in page(number)
    planned = site.planned(now() + timedelta(hours=5))
    of_platform = page(planned)
    assert "préparation, sauvegarde, puis la page de maintenance." in of_platform
    site.engine.set_version(planned, OWN_PRODUCT, "99.0")
    of_own = page(planned)
    assert "ces pages s'absentent quelques secondes." in of_own
    assert ('id="bandeau"' in of_platform, 'id="bandeau"' in of_own) == (True, False)
    assert "est refaite" not in of_platform + of_own


def test_what_an_update_waited_is_no_time_that_it_took(site: Site, admin: Browser, number: int) -> None:
    ended = now()
    site.engine.begin(number, "11.5.0", ended - timedelta(hours=7))
    site.engine.hold(number, None, ended - timedelta(hours=6, minutes=50))
    site.engine.take_up(number, ended - timedelta(minutes=5))
    site.engine.finish(number, UpdateStatus.SUCCEEDED, ended)
    page = admin.get(f"mises-a-jour/suivi?update={number}").text
    assert "en 15 min 00 s ; attente : 6 h 45 min" in page
    assert "15 min 00 s" in admin.get("mises-a-jour/historique").text
    assert admin.get("mises-a-jour/historique.csv").text.splitlines()[1].endswith("24300.0")
    report = admin.get(f"mises-a-jour/suivi/{number}/rapport", headers=JSON).get_json()
    assert (report["seconds"], report["waited_seconds"]) == (900, 24_300)


def test_suivi_counts_no_time_while_an_update_waits_for_its_hour(site: Site, admin: Browser, number: int) -> None:
    site.engine.begin(number, "11.5.0", now())
    site.engine.hold(number, None, now())
    assert "Temps écoulé" not in admin.get(f"mises-a-jour/suivi?update={number}").text
    site.engine.take_up(number, now())
    assert "Temps écoulé" in admin.get(f"mises-a-jour/suivi?update={number}").text
