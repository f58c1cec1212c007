"""The automatic update's eligibility: every reason has its own words."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ospi_supervisor.domain.eligibility import RunFacts, ServerFacts, judge_run, judge_server
from ospi_supervisor.domain.outlook import Blocked, Obstacle, Outlook
from ospi_supervisor.domain.prerequisites import Judgement, Verdict

NOW = datetime(2026, 6, 15, tzinfo=UTC)
SERVER = ServerFacts(
    installed="11.5.0",
    os_id="centos",
    os_version="7",
    os_name="CentOS Linux 7 (Core)",
    systems=("centos-7", "rocky"),
    automatic=True,
)
RUN = RunFacts(now=NOW, installed="11.5.0", fresh_until=NOW + timedelta(days=2), available="11.6.0")

STRANDED = Blocked(
    version="13.0.0",
    obstacle=Obstacle.REQUIRES,
    reason="elle demande une plateforme en version 12.0 ou supérieure",
    cure="Contactez le support.",
)


def refusals(judgements: list[Judgement]) -> dict[str, Judgement]:
    return {judgement.rule: judgement for judgement in judgements if judgement.verdict is not Verdict.OK}


@pytest.mark.parametrize(
    "facts",
    [
        SERVER,
        replace(SERVER, installed="11.5.3"),
        replace(SERVER, installed="12.0"),
        replace(SERVER, os_id="rocky", os_version="9.4", os_name="Rocky Linux 9.4"),
        replace(SERVER, os_id="debian", os_version="12", systems=("debian",)),
    ],
)
def test_servers_that_update_themselves(facts: ServerFacts) -> None:
    assert refusals(judge_server(facts)) == {}


@pytest.mark.parametrize(
    ("facts", "rule", "words"),
    [
        (replace(SERVER, installed="11.4.9"), "platform_version", "onglet Import"),
        (replace(SERVER, installed="11.5.0rc1"), "platform_version", "11.5 ou supérieure"),
        (replace(SERVER, os_version="8"), "operating_system", "service informatique"),
        (replace(SERVER, os_id="debian", os_version="12"), "operating_system", "service informatique"),
        (replace(SERVER, systems=()), "operating_system", "service informatique"),
        (replace(SERVER, automatic=False), "setting", "Renseignez OUI"),
    ],
)
def test_a_server_that_does_not(facts: ServerFacts, rule: str, words: str) -> None:
    found = refusals(judge_server(facts))
    assert list(found) == [rule]
    assert words in found[rule].remedy


def test_systems_are_named_as_people_do() -> None:
    row = judge_server(SERVER)[1]
    assert row.required == "CentOS 7 ou Rocky Linux"


def test_a_run_that_may_start() -> None:
    assert refusals(judge_run(RUN)) == {}


@pytest.mark.parametrize(
    ("facts", "rule", "measured"),
    [
        (replace(RUN, active_update=7), "no_active_update", "mise à jour n° 7 en cours"),
        (replace(RUN, intervention=6), "no_intervention", "la mise à jour n° 6 attend une intervention"),
        (replace(RUN, fresh_until=None), "metadata", "le dépôt n'a pas encore été consulté"),
        (replace(RUN, fresh_until=None, repository_error="délai dépassé"), "metadata", "délai dépassé"),
        (replace(RUN, fresh_until=NOW), "metadata", "informations périmées depuis le 15/06/2026"),
        (replace(RUN, available=None), "available", "aucune qui convienne à ce serveur"),
        (replace(RUN, available="11.5.0"), "available", "aucune qui convienne à ce serveur"),
        (replace(RUN, available=None, outlook=Outlook()), "available", "aucune plus récente que 11.5.0"),
        (
            replace(RUN, available=None, outlook=Outlook(blocked=STRANDED)),
            "available",
            "version 13.0.0, elle demande une plateforme en version 12.0 ou supérieure",
        ),
        (
            replace(RUN, outlook=Outlook(path=("11.6.0",), blocked=STRANDED)),
            "available",
            "version 11.6.0 disponible ; version 13.0.0, elle demande une plateforme en version 12.0 ou supérieure",
        ),
        (
            replace(RUN, locked_versions={"11.6.0"}),
            "version_lock",
            "la version 11.6.0 a déjà échoué sur ce serveur",
        ),
        (
            replace(RUN, locked_versions={"11.6"}),
            "version_lock",
            "la version 11.6.0 a déjà échoué sur ce serveur",
        ),
    ],
)
def test_a_run_that_may_not(facts: RunFacts, rule: str, measured: str) -> None:
    found = refusals(judge_run(facts))
    assert list(found) == [rule]
    assert found[rule].measured == measured
    assert found[rule].remedy


def test_before_the_first_look_nothing_is_said_of_what_there_is() -> None:
    rows = {row.rule: row for row in judge_run(replace(RUN, fresh_until=None, available=None))}
    assert rows["available"].measured == "inconnue : le dépôt n'a pas encore été consulté"
    assert {rows[rule].remedy for rule in ("available", "metadata")} == {"Lancez « Vérifier maintenant »."}


def test_a_required_stop_is_shown_as_a_path_before_it_is_walked() -> None:
    rows = {row.rule: row for row in judge_run(replace(RUN, outlook=Outlook(path=("11.6.0", "12.0.0"))))}
    assert rows["available"].measured == ("version 11.6.0 disponible, étape vers 12.0.0 (11.5.0 → 11.6.0 → 12.0.0)")


def test_nothing_to_do_is_said_only_where_nothing_is() -> None:
    def remedy(outlook: Outlook | None) -> str:
        rows = {row.rule: row for row in judge_run(replace(RUN, available=None, outlook=outlook))}
        return rows["available"].remedy

    assert "Rien à faire" in remedy(Outlook())
    assert "Rien à faire" not in remedy(None) + remedy(Outlook(blocked=STRANDED))


def test_a_server_that_takes_security_releases_alone_is_one_that_updates_itself() -> None:
    rows = {row.rule: row for row in judge_server(replace(SERVER, automatic=False, security=True))}
    assert rows["setting"].verdict is Verdict.OK
    assert "seules les versions de sécurité" in rows["setting"].measured


def test_every_reason_has_words_of_its_own() -> None:
    server = replace(SERVER, installed="10.0", os_id="debian", automatic=False)
    run = replace(RUN, active_update=1, intervention=1, repository_error="délai", fresh_until=None, available=None)
    locked = replace(RUN, locked_versions={"11.6.0"})
    rows = [*judge_server(server), *judge_run(run), *judge_run(locked)]
    remedies = [row.remedy for row in rows if row.verdict is not Verdict.OK]
    assert len(remedies) == 8
    assert len(set(remedies)) == 8
