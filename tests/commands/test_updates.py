"""Updates from the shell: one word for one thing, and a journal that can be read."""

import json
import re
from datetime import timedelta

import pytest

from ospi_supervisor.domain.lifecycle import Phase, PhaseStatus, UpdateStatus
from ospi_supervisor.domain.validation import Decision, Verdict
from tests.commands.conftest import Shell
from tests.support.reading import plain_spaces
from tests.support.site import Site, now


@pytest.mark.parametrize("command", ["log", "cancel", "resume"])
def test_an_unknown_number_is_told_in_the_same_words(shell: Shell, command: str) -> None:
    result = shell(command, 99)
    assert result.exit_code == 1
    assert result.stderr.startswith("ospi-supervisor : il n'y a pas de mise à jour n° 99 ;")


def test_an_update_that_waits_for_nothing_is_not_resumed(shell: Shell, site: Site) -> None:
    number = site.update()
    result = shell("resume", number)
    assert (result.exit_code, "n'attend pas d'intervention" in result.stderr) == (1, True)


def test_a_phase_ends_in_the_words_of_the_pages(shell: Shell, site: Site) -> None:
    number = site.update()
    site.phase(number, Phase.VERIFY, PhaseStatus.DONE)
    assert shell("log", number).stdout.endswith("Vérification de l'archive : terminée\n")


@pytest.mark.parametrize(
    ("asked", "failure", "why"),
    [
        (True, None, "à la demande"),
        (False, "l'heure prévue est passée", "l'heure prévue est passée"),
        (False, None, "le journal dit pourquoi"),
    ],
)
def test_a_cancellation_is_told_with_its_reason(
    shell: Shell, site: Site, asked: bool, failure: str | None, why: str
) -> None:
    number = site.update()
    if asked:
        site.engine.request_cancel(number)
    if failure:
        site.engine.set_failure_words(number, failure)
    site.engine.finish(number, UpdateStatus.CANCELLED, now())
    result = shell("follow", number)
    assert (result.exit_code, plain_spaces(result.stderr)) == (1, f"ospi-supervisor : mise à jour annulée : {why}\n")


def test_the_lines_of_a_message_stand_under_its_first(shell: Shell, site: Site) -> None:
    number = site.update()
    site.event(number, "log", Phase.VERIFY, message="Avis :\n- un\n- deux\n")
    first, *others = shell("log", number).stdout.splitlines()[-3:]
    dated = re.match(r"\d\d/\d\d/\d{4} \d\d:\d\d:\d\d  ", first)
    assert dated is not None
    assert first[dated.end() :] == "Avis :"
    assert others == [" " * dated.end() + "- un", " " * dated.end() + "- deux"]


@pytest.mark.parametrize("command", ["log", "cancel", "resume"])
def test_a_number_that_no_update_can_have_is_wrong_usage(shell: Shell, command: str) -> None:
    result = shell(command, 10**30)
    assert result.exit_code == 2
    assert "n'est pas dans l'intervalle" in result.stderr


def test_the_state_says_by_its_exit_status_that_the_worker_is_down(shell: Shell, site: Site) -> None:
    down = shell("status", "--json")
    assert (down.exit_code, json.loads(down.stdout)["worker"]) == (1, "down")
    assert "systemctl start ospi-supervisor-worker" in down.stderr
    site.engine.beat(now(), 1)
    assert shell("status").exit_code == 0


def test_the_state_says_what_waits_to_be_validated_and_until_when(shell: Shell, site: Site) -> None:
    number, until = site.update(), (now() + timedelta(hours=1)).isoformat()
    site.phase(number, Phase.VERIFY, PhaseStatus.DONE)
    site.engine.beat(now(), 1)
    assert json.loads(shell("status", "--json").stdout)["waiting"] is None
    site.engine.set_phase(number, Phase.VALIDATE, status=PhaseStatus.DOING, started_at=now(), facts={"until": until})
    assert json.loads(shell("status", "--json").stdout)["waiting"] == {"for": "validation", "until": until}
    said = shell("status").stdout
    assert all(f"{command} {number} »" in said for command in ("ospi-supervisor link", "open", "go-back"))
    site.engine.decide(number, Decision(verdict=Verdict.OPEN, by="carla"))
    assert json.loads(shell("status", "--json").stdout)["waiting"] is None
