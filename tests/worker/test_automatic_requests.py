"""What is asked of the automatic update: it is done once, and answered whatever goes wrong."""

import errno
from datetime import timedelta
from typing import Any

import pytest

from ospi_supervisor.domain.requests import CheckRepository, RunAutomaticUpdate
from ospi_supervisor.errors import StateError
from ospi_supervisor.worker import download
from tests.support.automatic import MIDNIGHT, NEW, OLD, House, last_run
from tests.support.http_server import Handler


def test_a_check_is_answered_once_its_result_is_recorded(house: House) -> None:
    assert house.ask(1, CheckRepository.kind) == {"accepted": True, "message": "", "update_id": None}
    check = house.store.state().last_check
    assert check is not None
    assert check["available"] is not None
    assert [link["name"] for link in check["links"]] == ["name", "tcp", "proxy", "tls", "http", "metadata"]
    assert (check["error"], check["available"]["version"], check["available"]["base"]) == ("", NEW, OLD)
    assert house.archives_asked_for() == []


def test_a_run_that_was_asked_for_heeds_everything_but_the_hour(house: House) -> None:
    house.clock.now = MIDNIGHT + timedelta(hours=15)
    refused = house.ask(1, RunAutomaticUpdate.kind)
    assert refused is not None
    assert "Paramètre update.auto.disable : NON" in str(refused["message"])
    house.turn_on()
    assert house.ask(2, RunAutomaticUpdate.kind) == {"accepted": True, "message": "", "update_id": 1}
    assert last_run(house)["night"] is None
    busy = house.ask(3, RunAutomaticUpdate.kind)
    assert busy is not None
    assert "n° 1 en cours" in str(busy["message"])


def test_a_request_is_done_once(house: House) -> None:
    house.ask(1, CheckRepository.kind)
    asked = len(house.server.paths)
    house.ask(1, CheckRepository.kind)
    assert len(house.server.paths) == asked


def test_a_request_that_waited_too_long_is_refused(house: House) -> None:
    house.turn_on()
    answer = house.ask(1, RunAutomaticUpdate.kind, age=timedelta(hours=8))
    assert answer is not None
    assert "a trop attendu" in str(answer["message"])
    assert house.server.paths == []


def test_one_whose_end_cannot_be_noted_is_no_longer_at_work(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    note = house.store.note

    def note_what_fits(**changes: Any) -> None:
        if changes == {"activity": None}:
            raise StateError("l'état du Superviseur ne peut pas être écrit")
        note(**changes)

    monkeypatch.setattr(house.store, "note", note_what_fits)
    for number in (1, 2):
        assert house.ask(number, CheckRepository.kind) == {"accepted": True, "message": "", "update_id": None}


def test_while_one_is_at_work_another_is_refused_and_the_same_is_left_alone(house: House) -> None:
    house.turn_on()
    answers: list[dict[str, object] | None] = []

    def ask_meanwhile(handler: Handler) -> bool:
        house.server.behaviour = None
        answers.extend([house.ask(1, CheckRepository.kind), house.ask(2, CheckRepository.kind)])
        house.automatic.run_if_due()
        return False

    house.server.behaviour = ask_meanwhile
    assert house.ask(1, CheckRepository.kind) == {"accepted": True, "message": "", "update_id": None}
    same, other = answers
    assert same is None
    assert other is not None
    assert "déjà en cours" in str(other["message"])
    assert house.store.state().last_night is None, "the night's turn comes at the next minute"


UNEXPECTED = [
    (OSError(errno.ENOSPC, "No space left on device", "/var/x"), "plus d'espace sur le disque (/var/x) ; libérez-en"),
    (ValueError("surprise"), "erreur imprévue (ValueError : surprise) ; contactez le support"),
]


@pytest.mark.parametrize(("error", "words"), UNEXPECTED)
def test_what_nobody_foresaw_is_recorded_answered_and_logged(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: Exception, words: str
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(download, "probe", fail)
    house.turn_on()
    house.automatic.run_if_due()
    assert (last_run(house)["ok"], last_run(house)["message"]) == (False, words)
    assert last_run(house)["night"] is not None
    for number, kind in enumerate((CheckRepository.kind, RunAutomaticUpdate.kind), 1):
        assert house.ask(number, kind) == {"accepted": False, "message": words, "update_id": None}
    assert last_run(house)["night"] is None
    assert [record.exc_info is not None for record in caplog.records if words in record.message] == [True] * 3
