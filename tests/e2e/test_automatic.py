"""The automatic update: OUI in Paramètres, a look at the way to the vendor, and the platform updates itself."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Shoot, sign_in
from tests.support.demo import Client, RunningDemo
from tests.support.prepared import lay_out_prepared

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDemo]:
    """A demonstration where it is about noon: the night's own run must not come in between."""
    east = 12 - datetime.now(UTC).hour
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", f"Etc/GMT{-east:+d}")  # POSIX counts hours west of Greenwich
        running = RunningDemo(lay_out_prepared(tmp_path_factory.mktemp("demo") / "démo").root)
        yield running
        running.stop()
    time.tzset()  # this process may have looked at the zone meanwhile, and keeps what it saw


def test_oui_then_the_platform_updates_itself(demo: RunningDemo, page: Page, shoot: Shoot) -> None:
    refused = demo.cli("auto", "run")
    assert refused.returncode == 1
    assert "update.auto.disable : NON" in refused.stderr
    turn_on(demo, page, shoot)
    look_at_the_connection(page, shoot)
    done = demo.cli("auto", "run")
    assert done.returncode == 0, done.stderr
    assert "Mise à jour réussie" in done.stdout
    assert demo.portal_version() == "11.6.0"
    assert demo.data()["schema"] == "1160"
    update = Client(demo).get("api/updates")[0]
    assert (update["source"], update["requested_by"]) == ("automatic", "mise à jour automatique")
    assert (update["from"], update["to"], update["status"]) == ("11.5.0", "11.6.0", "succeeded")
    assert update["notice_read_at"] is None
    assert "the full archive is fetched" not in (demo.layout.logs / "worker.log").read_text(encoding="utf-8")


def turn_on(demo: RunningDemo, page: Page, shoot: Shoot) -> None:
    """« Paramètres / Général », by hand."""
    page.goto(f"{demo.url}/superviseur/")
    sign_in(page, demo)
    page.get_by_role("link", name="Paramètres").click()
    line = page.locator("[id='update.auto.disable']")
    expect(line.locator(".value")).to_have_text("NON")
    line.get_by_role("radio", name="OUI").check()
    line.get_by_role("button", name="Enregistrer").click()
    saved = page.locator(".notice", has_text="Paramètre enregistré.")
    expect(saved).to_contain_text("Ce serveur se met à jour automatiquement")
    expect(line.locator(".value")).to_have_text("OUI")
    expect(page.get_by_text("Modifié par admin")).to_be_visible()
    shoot(page, "40-parametres")


def look_at_the_connection(page: Page, shoot: Shoot) -> None:
    """« Activation par Internet », before and after « Vérifier maintenant »."""
    page.get_by_role("link", name="Mises à jour").click()
    page.get_by_role("link", name="Activation par Internet").click()
    expect(page.get_by_text("Pas encore testée")).to_be_visible()
    page.get_by_role("button", name="Vérifier maintenant").click()
    expect(page.get_by_text("Vérification terminée.")).to_be_visible()
    assert page.locator("#liaison li.ok").count() == 6
    expect(page.locator("#disponible")).to_contain_text("11.6.0")
    expect(page.locator("#disponible")).to_contain_text("archive différentielle depuis 11.5.0")
    expect(page.locator("#conditions li.refused")).to_have_count(0)
    expect(page.locator("#prochain")).not_to_have_text("aucun")
    shoot(page, "41-activation")


def test_suivi_and_historique_show_it_as_automatic(demo: RunningDemo, page: Page, shoot: Shoot) -> None:
    page.goto(f"{demo.url}/superviseur/mises-a-jour/suivi")
    sign_in(page, demo)
    expect(page.get_by_text("mise à jour automatique (Activation par Internet)")).to_be_visible()
    expect(page.locator(".notice-read")).to_contain_text("non lue")
    shoot(page, "42-suivi-automatique")
    address = page.get_by_role("link", name="ouvrir", exact=True).get_attribute("href")
    notice = page.request.get(f"{demo.url}{address}")
    assert notice.body().startswith(b"%PDF")
    page.get_by_role("link", name="Activation par Internet").click()
    page.get_by_role("link", name="mise à jour n° 1 commencée").click()
    page.get_by_role("link", name="Historique").click()
    expect(page.get_by_role("cell", name="mise à jour automatique Activation par Internet")).to_be_visible()
    shoot(page, "43-historique-automatique")
    page.get_by_role("link", name="Traçabilité").click()
    for action in ("paramètre modifié", "mise à jour automatique demandée", "notice ouverte"):
        expect(page.get_by_text(action, exact=True).first).to_be_visible()


def test_there_is_nothing_more_to_install_and_nothing_left_behind(demo: RunningDemo) -> None:
    again = demo.cli("auto", "run")
    assert again.returncode == 0
    assert "aucune plus récente que 11.6.0" in again.stdout
    status = json.loads(demo.cli("auto", "status", "--json").stdout)
    assert (status["eligible"], status["last_run"]["ok"], status["activity"]) == (True, True, None)
    assert not (demo.layout.state / "engine/automatic/archives").exists()
