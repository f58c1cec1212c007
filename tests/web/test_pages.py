"""The « traçabilité »: whatever was recorded can be reached."""

import re
from typing import Any

import pytest

from ospi_supervisor.domain.lifecycle import UpdateStatus
from ospi_supervisor.domain.manifest import Severity
from ospi_supervisor.web.lists import ROWS
from tests.support.site import PREFIX, Browser, Site, now

JSON = {"Accept": "application/json"}


def record_action(site: Site, action: str, *, allowed: bool = True) -> None:
    site.operations.web.record_action(action, actor="alice", now=now(), allowed=allowed)


def actions(text: str) -> list[str]:
    return re.findall(r'data-label="Action">([^<]+)<', text)


def test_noise_never_hides_what_was_done(site: Site, admin: Browser) -> None:
    record_action(site, "sauvegarde demandée")
    for number in range(2 * ROWS):
        record_action(site, f"refus {number}", allowed=False)
    assert "sauvegarde demandée" not in admin.get("tracabilite").text
    assert actions(admin.get("tracabilite?voir=actions").text) == ["sauvegarde demandée", "connexion"]
    assert actions(admin.get("tracabilite?voir=refus").text)[0] == f"refus {2 * ROWS - 1}"


@pytest.mark.parametrize("view", ["", "voir=refus"])
def test_every_line_is_reached_page_by_page(site: Site, admin: Browser, view: str) -> None:
    for number in range(2 * ROWS + 1):
        record_action(site, f"refus {number}", allowed=False)
    seen: list[str] = []
    address = f"tracabilite?{view}"
    while address:
        page = admin.get(address).text
        seen += actions(page)
        older = re.search(rf'href="{PREFIX}/([^"]+)">Voir les plus anciennes', page)
        address = older[1].replace("&amp;", "&") if older else ""
    assert [action for action in seen if action != "connexion"] == [
        f"refus {number}" for number in reversed(range(2 * ROWS + 1))
    ]


@pytest.mark.parametrize("query", ["avant=99999999999999999999", "avant=-1", "avant=tout", "voir=autre"])
def test_an_address_that_makes_no_sense_shows_the_newest(admin: Browser, query: str) -> None:
    assert actions(admin.get(f"tracabilite?{query}").text) == ["connexion"]


@pytest.mark.parametrize(
    "path",
    [
        "mises-a-jour/activation",
        "sauvegardes",
        "parametres/general",
        "support",
        "mises-a-jour/suivi",
    ],
)
def test_a_number_that_nothing_can_have_is_no_error_of_ours(admin: Browser, path: str) -> None:
    assert admin.get(f"{path}?demande={10**20}").status_code == 200


def test_an_update_that_cannot_be_is_not_found(admin: Browser) -> None:
    for path in ("api/updates/{}", "api/updates/{}/events", "mises-a-jour/suivi/{}/etat"):
        assert admin.get(path.format(10**20), headers=JSON).status_code == 404


def test_the_dashboard_is_not_ready_for_an_update_while_one_runs(site: Site, admin: Browser) -> None:
    site.engine.beat(now(), 1)
    assert "Importer une mise à jour" in admin.get("").text
    site.update()
    page = admin.get("").text.replace("&#39;", "'")
    assert "Vérification de l'archive" in page
    assert "Importer une mise à jour" not in page


def test_the_dashboard_names_the_version_that_is_locked(site: Site, admin: Browser) -> None:
    assert "ouverte aux utilisateurs" in admin.get("").text
    assert "verrouillée" not in admin.get("").text
    number = site.update(UpdateStatus.ROLLED_BACK)
    site.engine.lock_version("portail-bi", "11.6.0", number, now())
    assert "Version 11.6.0 verrouillée" in admin.get("").text


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"severity": Severity.HIGH, "fixes": ("CVE-2026-1234",)}, "gravité élevée, corrige"),
        ({"severity": None, "fixes": ("CVE-2026-1234",)}, "Version de sécurité"),
        ({"severity": "critical", "fixes": []}, "gravité critique"),
        ({"severity": None, "fixes": [], "support_until": "2028-12-31"}, "prise en charge jusqu'au"),
        ({"severity": None, "fixes": []}, ""),
    ],
)
def test_what_a_release_mends_is_said_wherever_it_is_shown(site: Site, said: dict[str, Any], words: str) -> None:
    with site.app.test_request_context():
        shown = str(site.app.jinja_env.get_template("parts.html").module.promises(said))  # type: ignore[attr-defined]
    assert words in shown
    assert bool(shown.strip()) is bool(words)
