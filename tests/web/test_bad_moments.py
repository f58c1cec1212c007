"""What Suivi and the other pages say in the bad moments."""

from datetime import timedelta

import pytest

from ospi_supervisor.domain.lifecycle import Phase, PhaseStatus, UpdateStatus
from ospi_supervisor.store.engine_models import Event
from ospi_supervisor.store.published import PublishedStore
from ospi_supervisor.store.topics import AFTERCARE, AftercareDocument
from tests.support.site import Browser, Site, now


def test_a_phase_that_says_nothing_for_a_while_is_not_said_to_go_on(site: Site, admin: Browser) -> None:
    site.engine.beat(now(), 1)
    past, number = site.update(UpdateStatus.SUCCEEDED), site.update()
    an_hour_ago = now() - timedelta(hours=1)
    ended = an_hour_ago + timedelta(minutes=2)
    site.engine.set_phase(past, Phase.VERIFY, status=PhaseStatus.DONE, started_at=an_hour_ago, ended_at=ended)
    site.engine.set_phase(number, Phase.VERIFY, started_at=an_hour_ago)
    Event.update(at=now(), data={"at": (now() - timedelta(minutes=3)).isoformat(), "phase": "verify"}).execute(
        site.engine._database.database
    )
    page = admin.get(f"mises-a-jour/suivi?update={number}").text.replace("&#39;", "'")
    assert "n'a rien dit depuis 3 min" in page
    assert "normal jusqu'à 5 min 00 s" in page
    assert "elle avance" not in page


def test_a_line_that_is_said_again_is_told_once(site: Site, admin: Browser) -> None:
    number = site.update()
    for message in ("essai", "essai", "essai", "autre", "essai"):
        site.event(number, "log", Phase.VERIFY, level="info", message=message)
    page = admin.get("mises-a-jour/suivi").text
    assert page.count("<span>essai</span>") == 2
    assert page.count("× 3") == 1


def test_the_way_back_promises_no_hour(site: Site, admin: Browser) -> None:
    site.engine.beat(now(), 1)
    number = site.update()
    site.engine.set_failure(number, Phase.MIGRATE, "panne")
    site.phase(number, Phase.MIGRATE, PhaseStatus.UNDOING)
    page = admin.get("mises-a-jour/suivi").text
    assert "Ce que la mise à jour avait préparé est retiré." in page
    assert "Réouverture prévue" not in page
    site.config.maintenance.flag.touch()
    page = admin.get("mises-a-jour/suivi").text
    assert "Réouverture prévue" in page
    assert "dès que possible" in page


@pytest.mark.parametrize("prepared", [False, True])
@pytest.mark.parametrize("path", ["", "mises-a-jour/suivi", "sauvegardes"])
def test_an_update_that_waits_hides_nothing_of_the_platform(
    site: Site, admin: Browser, prepared: bool, path: str
) -> None:
    site.engine.beat(now(), 1)
    tomorrow = now() + timedelta(days=1)
    number = site.prepared(tomorrow) if prepared else site.planned(tomorrow)
    page_up, silent = "La page de maintenance est affichée", "La plateforme ne répond plus"
    text = admin.get(path).text
    assert page_up not in text
    assert silent not in text
    trouble = AftercareDocument(update=number, version="11.5.0", trouble="500", since=now())
    PublishedStore(site.engine).publish(AFTERCARE, trouble, now())
    assert admin.get(path).text.count(silent) == 1
    site.config.maintenance.flag.touch()
    assert admin.get(path).text.count(page_up) == 1


def test_a_backup_that_is_restored_by_hand_shows_on_every_page(site: Site, admin: Browser) -> None:
    site.engine.beat(now(), 1)
    maintenance = site.config.maintenance
    maintenance.page_dir.mkdir(parents=True, exist_ok=True)
    maintenance.flag.parent.mkdir(parents=True, exist_ok=True)
    maintenance.flag.touch()
    status = maintenance.page_dir / "status.json"
    status.write_text('{"phase": "restore", "percent": 41.6, "message": "Restauration de manuelle-1"}')
    for page in ("", "sauvegardes", "mises-a-jour/import"):
        assert "Restauration de manuelle-1 : 42 %" in admin.get(page).text
    assert "maintenance off" not in admin.get("").text
    status.write_text('{"phase": "restore_stopped", "percent": 41.6, "message": "La restauration s\'est arrêtée"}')
    assert "est arrêtée" in admin.get("sauvegardes").text
    status.write_text("{ truncated")
    assert "maintenance off" in admin.get("").text
