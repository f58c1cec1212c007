"""The validation on the pages: the link for who has just signed in, both decisions, and what is recorded of them."""

import secrets
from datetime import timedelta

import pytest

from ospi_supervisor.domain.lifecycle import Phase, PhaseStatus, UpdateStatus
from ospi_supervisor.domain.validation import Decision, Verdict
from ospi_supervisor.store.web_models import Session
from tests.support.site import PASSWORD, Browser, Site, now

JSON, HTML = {"Accept": "application/json"}, {"Accept": "text/html"}
DECISIONS = [("open", "open"), ("go-back", "go_back")]


def waiting(site: Site) -> int:
    """An update that waits behind the closed door."""
    number = site.update()
    site.phase(number, Phase.VERIFY, PhaseStatus.DONE)
    facts = {"until": (now() + timedelta(hours=1)).isoformat(), "changes": ["base « portail » : 12 lignes"]}
    site.engine.set_phase(number, Phase.VALIDATE, status=PhaseStatus.DOING, started_at=now(), facts=facts)
    site.config.maintenance.flag.parent.mkdir(parents=True, exist_ok=True)
    site.config.maintenance.flag.touch()
    site.engine.beat(now(), 1)
    return number


def invite(site: Site) -> str:
    secret = secrets.token_hex(32)
    site.config.maintenance.invitations.mkdir(parents=True)
    (site.config.maintenance.invitations / secret).touch()
    return secret


def an_hour_later() -> None:
    Session.update(created_at=now() - timedelta(hours=1)).execute()


def trail(site: Site) -> list[str]:
    return [row.action for row in site.operations.web.audit(50)]


def test_suivi_leads_to_the_validation(site: Site, admin: Browser) -> None:
    number = waiting(site)
    page = admin.get("mises-a-jour/suivi").text
    assert "La nouvelle version attend votre validation." in page
    assert f"mises-a-jour/suivi/{number}/validation" in page
    assert "Annuler la mise à jour" not in page
    assert "annulation n'est plus possible" not in page  # one may still go back


def test_the_link_is_shown_to_who_has_just_signed_in(site: Site, admin: Browser) -> None:
    number, secret = waiting(site), invite(site)
    answer = admin.get(f"mises-a-jour/suivi/{number}/validation")
    assert f"/#validation={secret}" in answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    assert "base « portail » : 12 lignes" in answer.text.replace("\u00a0", " ")
    assert "lien de validation affiché" in trail(site)
    assert secret not in str([vars(row) for row in site.operations.web.audit(50)])
    assert secret not in admin.get("mises-a-jour/suivi").text + admin.get("tracabilite").text
    assert secret not in admin.get(f"api/updates/{number}").text


def test_an_hour_later_the_password_is_asked_for(site: Site, admin: Browser) -> None:
    number, secret = waiting(site), invite(site)
    an_hour_later()
    address = f"mises-a-jour/suivi/{number}/validation"
    page = admin.get(address).text
    assert secret not in page
    assert 'name="password"' in page
    assert admin.post(address, data={"password": "faux"}).status_code == 403
    assert admin.post(address, data={"password": PASSWORD}).status_code == 303
    assert secret in admin.get(address).text


@pytest.mark.parametrize(("path", "verdict"), DECISIONS)
def test_a_decision_asks_the_worker(site: Site, admin: Browser, path: str, verdict: str) -> None:
    number = waiting(site)
    answer = admin.post(f"api/updates/{number}/{path}", headers=HTML)
    assert answer.status_code == 303
    assert f"update={number}" in answer.headers["Location"]
    request = site.operations.web.request(1)
    assert request is not None
    assert (request.kind, request.payload, request.requested_by) == (verdict, {"update_id": number}, "admin")
    assert any("demandé" in action for action in trail(site))
    assert admin.post(f"api/updates/{number}/{path}", headers=JSON).status_code == 202


@pytest.mark.parametrize(("path", "verdict"), DECISIONS)
def test_a_decision_wants_the_password_of_who_signed_in_long_ago(
    site: Site, admin: Browser, path: str, verdict: str
) -> None:
    number = waiting(site)
    an_hour_later()
    address = f"api/updates/{number}/{path}"
    refused = admin.post(address, headers=HTML)
    assert refused.status_code == 403
    assert "confirmez votre mot de passe" in refused.text.lower()
    assert (admin.post(address, headers=JSON).json or {})["code"] == "sign_in_again"
    assert site.operations.web.request(1) is None
    assert admin.post(address, data={"password": PASSWORD}, headers=HTML).status_code == 303


@pytest.mark.parametrize(("path", "verdict"), DECISIONS)
def test_where_nothing_waits_nothing_is_asked(site: Site, admin: Browser, path: str, verdict: str) -> None:
    number = site.update()
    answer = admin.post(f"api/updates/{number}/{path}", headers=JSON)
    assert (answer.json or {})["code"] == "not_waiting"
    assert admin.post("api/updates/99/open", headers=JSON).status_code == answer.status_code
    assert admin.get(f"mises-a-jour/suivi/{number}/validation").status_code == 303
    assert site.operations.web.request(1) is None


def test_what_was_decided_is_said(site: Site, admin: Browser) -> None:
    number = waiting(site)
    site.engine.decide(number, Decision(verdict=Verdict.OPEN, by="carla"))
    assert "La décision est prise." in admin.get("mises-a-jour/suivi").text
    assert "Ouvrir à tous" not in admin.get(f"mises-a-jour/suivi/{number}/validation").text
    document = (admin.get(f"api/updates/{number}").json or {})["validation"]
    assert (document["verdict"], document["decided_by"]) == ("open", "carla")


def test_the_report_of_one_that_went_back_blames_nobody(site: Site, admin: Browser) -> None:
    number = waiting(site)
    site.engine.set_failure(number, Phase.VALIDATE, "carla a choisi de revenir à l'ancienne version")
    site.engine.set_phase(number, Phase.VALIDATE, status=PhaseStatus.UNDONE)
    site.engine.finish(number, UpdateStatus.ROLLED_BACK, now())
    site.config.maintenance.flag.unlink()
    report = admin.get(f"mises-a-jour/suivi/{number}/rapport").text.replace("&#39;", "'")
    assert "La nouvelle version n'a pas été ouverte" in report
    assert "Carla a choisi de revenir à l'ancienne version." in report
    assert "échou" not in report
