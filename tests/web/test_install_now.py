"""« Installer maintenant » what the check found; and the chart of past updates with its table."""

from datetime import timedelta
from typing import Any

import pytest

from ospi_supervisor import __version__
from ospi_supervisor.domain.lifecycle import Phase, PhaseStatus, UpdateStatus
from ospi_supervisor.domain.manifest import OWN_PRODUCT
from ospi_supervisor.domain.requests import RunAutomaticUpdate
from ospi_supervisor.operations.automatic import AutomaticView
from ospi_supervisor.store.automatic_store import AutomaticStore
from ospi_supervisor.store.web_models import Session
from tests.support.site import PASSWORD, Browser, Site, now
from tests.web.activation import ACTIVATION, a_check, asked

BUTTON = "Installer 11.6.0 maintenant"


@pytest.fixture
def eligible(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server whose conditions are met, and a release that the check found."""
    document = AutomaticView.document

    def met(self: AutomaticView) -> Any:
        return {**document(self), "eligible": True, "last_check": a_check()}

    monkeypatch.setattr(AutomaticView, "document", met)


@pytest.mark.usefixtures("eligible")
def test_what_was_found_is_installed_once_the_person_is_known(site: Site, admin: Browser) -> None:
    assert BUTTON in admin.get(ACTIVATION).text
    sessions: Any = Session
    sessions.update(created_at=now() - timedelta(hours=2)).execute()
    refused = admin.post(f"{ACTIVATION}/installer", headers={"Accept": "text/html"})
    assert refused.status_code == 403
    assert 'name="password"' in refused.text
    response = admin.post(f"{ACTIVATION}/installer", data={"password": PASSWORD}, headers={"Accept": "text/html"})
    assert response.status_code == 303
    request = asked(site)
    assert request.kind == RunAutomaticUpdate.kind
    assert BUTTON not in admin.get(f"{ACTIVATION}?demande={request.id}").text
    number = site.update()
    site.engine.answer(request.id, accepted=True, update_id=number, now=now())
    assert f"update={number}" in admin.get(f"{ACTIVATION}?demande={request.id}").headers["Location"]


@pytest.mark.usefixtures("eligible")
@pytest.mark.parametrize(
    ("value", "title", "badge"),
    [
        ("OUI", "Ce serveur se met à jour automatiquement", ">activée<"),
        ("NON", "Ce serveur installe de lui-même les seules versions de sécurité", ">versions de sécurité seulement<"),
    ],
)
def test_what_a_server_installs_by_itself_is_told(
    site: Site, admin: Browser, value: str, title: str, badge: str
) -> None:
    settings = AutomaticStore(site.engine)
    settings.change_setting("update.auto.security", "OUI", "admin", now())
    settings.change_setting("update.auto.disable", value, "admin", now())
    site.engine.beat(now(), 1)
    assert f"<h2>{title}</h2>" in admin.get(ACTIVATION).text
    assert badge in admin.get("").text


def test_one_of_this_program_goes_first(site: Site, admin: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    found = a_check()
    own = {"available": found["available"] | {"version": "99.0", "base": None}, "outlook": {"path": ["99.0"]}}
    own["outlook"]["blocked"] = None
    AutomaticStore(site.engine).note(last_check=found | {"own": own})
    document = AutomaticView.document
    monkeypatch.setattr(AutomaticView, "document", lambda self: {**document(self), "eligible": True})
    page = admin.get(ACTIVATION).text
    assert "Installer le Superviseur 99.0 maintenant" in page
    assert "vos utilisateurs ne remarquent rien" in page
    assert "version 99.0 disponible" in page, "among the conditions"
    assert BUTTON not in page
    own["available"]["version"] = __version__
    AutomaticStore(site.engine).note(last_check=found | {"own": own})
    assert BUTTON in admin.get(ACTIVATION).text, "it was installed since"


@pytest.mark.usefixtures("eligible")
def test_why_nothing_was_installed_is_told(site: Site, admin: Browser) -> None:
    admin.post(f"{ACTIVATION}/installer", headers={"Accept": "text/html"})
    request = asked(site)
    site.engine.answer(request.id, accepted=False, message="une mise à jour est en cours", now=now())
    page = admin.get(f"{ACTIVATION}?demande={request.id}").text
    assert "L'installation n'a pas eu lieu." in page.replace("&#39;", "'")


def test_a_server_that_is_not_eligible_is_told_what_to_do(admin: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    document = AutomaticView.document
    monkeypatch.setattr(AutomaticView, "document", lambda self: {**document(self), "last_check": a_check()})
    page = admin.get(ACTIVATION).text
    assert BUTTON not in page
    assert "Pour installer 11.6.0 d'ici" in page.replace("&#39;", "'")


def test_each_phase_of_past_updates_stands_in_a_chart_and_in_a_table(site: Site, admin: Browser) -> None:
    number = site.update()
    begun = now() - timedelta(hours=1)
    for phase, minutes in ((Phase.BACKUP, 10), (Phase.MAINTENANCE, 1), (Phase.MIGRATE, 6), (Phase.REOPEN, 1)):
        ended = begun + timedelta(minutes=minutes)
        site.engine.set_phase(number, phase, status=PhaseStatus.DONE, started_at=begun, ended_at=ended)
        begun = ended
    site.engine.set_phase(number, Phase.VERIFY, status=PhaseStatus.PENDING)
    site.engine.finish(number, UpdateStatus.SUCCEEDED, now())
    own = site.update(product=OWN_PRODUCT, to="99.0")
    site.engine.set_phase(own, Phase.STAGE, status=PhaseStatus.DONE, started_at=begun, ended_at=now())
    site.engine.finish(own, UpdateStatus.SUCCEEDED, now())
    page = admin.get("").text
    alone = '<th scope="col">Étape</th><th scope="col">11.6.0</th></tr>'
    assert alone in page, "updates of this program itself are none of the platform's"
    assert page.count('class="slower" x=') == 1
    assert page.count('class="page" x=') == 2
    row = page.partition('<th scope="row">Migration des données</th>')[2]
    assert row.startswith("<td>6 min 00 s</td>")
    assert "<td>8 min 00 s</td>" in page  # users saw the page from its beginning to the reopening's end
