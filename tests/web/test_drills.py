"""« Éprouver » in Sauvegardes, and the certificates of what was proven."""

import json
from dataclasses import replace

import pytest

from ospi_supervisor.administration.checks import CHECKS, run_checks
from ospi_supervisor.bootstrap.administration import make_adapters
from ospi_supervisor.domain.drill import Proof
from ospi_supervisor.domain.findings import Finding, Grade
from ospi_supervisor.domain.requests import DrillBackup
from tests.support.drills import CERTIFICATE, FAILED, PATH, publish
from tests.support.site import Browser, Site, now


def test_each_backup_says_how_and_when_it_was_proven(site: Site, admin: Browser) -> None:
    publish(site)
    assert "pas encore" in admin.get("sauvegardes").text
    publish(site, CERTIFICATE)
    page = admin.get("sauvegardes").text
    assert f'href="/superviseur/{PATH}"' in page
    assert "éprouvée" in page
    assert "La plus récente l'est d'elle-même une nuit par mois" in page


def test_a_certificate_is_a_page_a_text_and_a_document(site: Site, admin: Browser) -> None:
    publish(site, CERTIFICATE)
    page = admin.get(PATH).text
    for words in ("Éprouvée", "update-7-full", "public.sejour", "20000 lignes", "ab" * 32, "srv-dim"):
        assert words in page
    assert "Rechargée en entier à côté de la plateforme" in page
    text = admin.get(f"{PATH}/texte")
    assert "public.sejour : 20000" in text.text
    assert text.headers["Content-Disposition"].startswith("attachment")
    document = json.loads(admin.get(f"{PATH}/json").text)
    assert (document["proof"], document["rows"]) == ("proven", {"pmsi": {"public.sejour": 20_000}})
    assert document["format"] == 1
    assert admin.get("sauvegardes/epreuves/jamais").status_code == 404


def test_a_failure_is_shown_until_a_drill_passes(site: Site, admin: Browser) -> None:
    publish(site, FAILED, CERTIFICATE)
    page = admin.get("sauvegardes").text
    assert "La dernière épreuve a échoué" in page
    assert "table sejour" in page
    publish(site, replace(CERTIFICATE, began_at=now()), FAILED)
    assert "La dernière épreuve a échoué" not in admin.get("sauvegardes").text


def test_a_drill_from_the_button_to_its_certificate(site: Site, admin: Browser) -> None:
    publish(site)
    pressed = admin.post("sauvegardes/epreuves", data={"sauvegarde": "update-7-full"})
    assert pressed.status_code == 303
    number = int(pressed.headers["Location"].partition("demande=")[2])
    asked = site.operations.web.request(number)
    assert asked is not None
    assert (asked.kind, asked.payload) == (DrillBackup.kind, {"snapshot": "update-7-full"})
    page = admin.get(f"sauvegardes?demande={number}").text
    assert ("épreuve n&#39;est pas faite" in page, "relancez-le" in page) == (True, True), "no worker"
    site.engine.beat(now(), 1)
    assert "épreuve est en cours" in admin.get(f"sauvegardes?demande={number}").text
    publish(site, CERTIFICATE)
    site.engine.answer(number, accepted=True, message=CERTIFICATE.key, now=now())
    led = admin.get(f"sauvegardes?demande={number}")
    assert led.headers["Location"].endswith(PATH)
    line = site.operations.web.audit(1)[0]
    assert (line.action, "update-7-full" in line.action) == ("épreuve de sauvegarde demandée (update-7-full)", True)


@pytest.mark.parametrize(("name", "status"), [("../../etc", 422), ("update-7-full", 409)])
def test_what_cannot_be_asked_for_is_refused_at_once(site: Site, admin: Browser, name: str, status: int) -> None:
    publish(site, at_work="update-7-full")
    refused = admin.post("sauvegardes/epreuves", data={"sauvegarde": name})
    assert refused.status_code == status
    assert "est pas possible" in refused.text


def test_check_says_what_the_last_one_proved(site: Site) -> None:
    def found() -> list[Finding]:
        return run_checks(site.config, make_adapters(site.config), {"drills": CHECKS["drills"]})

    assert found() == []
    recent = replace(CERTIFICATE, began_at=now())
    for certificate, grade in (
        (recent, Grade.OK),
        (CERTIFICATE, Grade.WARNING),
        (replace(recent, proof=Proof.LOADED, reason="unité systemd"), Grade.WARNING),
        (replace(FAILED, began_at=now()), Grade.ERROR),
    ):
        publish(site, certificate)
        (finding,) = found()
        assert finding.level is grade
        assert certificate.reason in finding.message
