"""After an intervention: what stopped is taken up again from where it stopped, and ends, or stops again."""

from typing import Any

import pytest

from ospi_supervisor.domain.lifecycle import MAX_ATTEMPTS, Phase, PhaseStatus, Recovery, UpdateStatus, rule_of
from ospi_supervisor.store.web_rows import RequestRow
from tests.engine.test_requests import answer, importing, requests_of
from tests.support.engine import Bench, fail, kill, now

BEHIND_THE_PAGE = [phase for phase in Phase if rule_of(phase).recovery is Recovery.ROLL_BACK]


def resuming(number: int, update_id: object = 1) -> RequestRow:
    payload: dict[str, Any] = {"update_id": update_id}
    return RequestRow(id=number, kind="resume", payload=payload, source="shell", requested_by="bob", requested_at=now())


def stop_in(bench: Bench, *points: str) -> None:
    bench.admit()
    bench.run(dict.fromkeys(points, fail))
    assert bench.status() is UpdateStatus.INTERVENTION


@pytest.mark.parametrize("phase", BEHIND_THE_PAGE)
def test_the_undo_goes_on_from_where_it_stopped(bench: Bench, phase: Phase) -> None:
    stop_in(bench, "did validate", f"undo {phase}")
    before = len(bench.traced())
    requests_of(bench).answer(resuming(1))
    assert answer(bench, 1) == {"accepted": True, "message": "", "update_id": 1}
    bench.run()
    assert bench.status() is UpdateStatus.ROLLED_BACK
    assert bench.effects() == set()
    phases = list(Phase)
    left = [f"undo {earlier}" for earlier in reversed(phases[: phases.index(phase) + 1])]
    assert bench.traced()[before:] == [f"before_recovery {rule_of(phase).services_stopped}", *left]
    assert "Reprise demandée par bob." in bench.journal("warning")
    assert bench.locked_versions() == ["11.6.0"]


def test_an_undo_that_fails_again_stops_again_and_can_be_taken_up_again(bench: Bench) -> None:
    stop_in(bench, "do health", "undo migrate")
    for number in (1, 2):
        requests_of(bench).answer(resuming(number))
        bench.run({"undo migrate": fail})
        assert bench.status() is UpdateStatus.INTERVENTION
        assert len(bench.reader().locks()) == 1
    requests_of(bench).answer(resuming(3))
    bench.run()
    assert bench.status() is UpdateStatus.ROLLED_BACK
    assert [kind for kind, _ in bench.events()].count("end") == 4


def test_past_the_point_of_no_return_it_goes_forward(bench: Bench) -> None:
    stop_in(bench, "do reopen")
    requests_of(bench).answer(resuming(1))
    before = len(bench.traced())
    bench.run()
    assert bench.status() is UpdateStatus.SUCCEEDED
    assert bench.effects() == set(Phase)
    assert bench.traced()[before:] == ["before_recovery False", "do start", "do health", "do reopen", "do cleanup"]
    update = bench.update()
    assert (update["failed_phase"], update["failure"]) == (None, None)
    assert bench.locked_versions() == []


def test_a_reopening_that_fails_again_stops_again(bench: Bench) -> None:
    stop_in(bench, "do reopen")
    requests_of(bench).answer(resuming(1))
    bench.run({"do health": fail})
    assert bench.status() is UpdateStatus.INTERVENTION
    assert bench.update()["failed_phase"] == "reopen"
    assert bench.locked_versions() == ["11.6.0"]


def test_attempts_are_counted_anew(bench: Bench) -> None:
    bench.admit()
    faults = {"do health": fail, "undo switch": kill}
    while not bench.status().is_final:
        bench.run_in_process(faults)
    requests_of(bench).answer(resuming(1))
    runs = 0
    while not bench.status().is_final:
        bench.run_in_process(faults)
        runs += 1
    assert runs == MAX_ATTEMPTS + 2
    requests_of(bench).answer(resuming(2))
    bench.run()
    assert bench.status() is UpdateStatus.ROLLED_BACK
    assert set(bench.phase_statuses().values()) <= {PhaseStatus.UNDONE, PhaseStatus.PENDING}


@pytest.mark.parametrize("update_id", [1, 9, "1", 2**70, None])
def test_only_an_update_that_waits_is_taken_up(bench: Bench, update_id: object) -> None:
    bench.admit()
    bench.run({"do migrate": fail})
    requests_of(bench).answer(resuming(1, update_id))
    found = answer(bench, 1)
    assert not found["accepted"]
    assert "n'attend pas d'intervention" in found["message"] or "illisible" in found["message"]
    assert bench.status() is UpdateStatus.ROLLED_BACK


def test_a_button_pressed_twice_takes_it_up_once(bench: Bench) -> None:
    stop_in(bench, "did health", "undo stop")
    for number in (1, 2):
        requests_of(bench).answer(resuming(number))
        assert answer(bench, number) == {"accepted": True, "message": "", "update_id": 1}
    assert bench.journal("warning").count("Reprise demandée par bob.") == 1


def test_a_platform_that_was_reopened_by_hand_keeps_what_was_entered_since(bench: Bench) -> None:
    stop_in(bench, "did health", "undo migrate")
    page = bench.folder / "effects" / "maintenance"
    page.unlink()
    requests_of(bench).answer(resuming(1))
    found = answer(bench, 1)
    assert not found["accepted"]
    assert "effacerait ce qui a été saisi" in found["message"]
    assert bench.status() is UpdateStatus.INTERVENTION
    page.touch()
    requests_of(bench).answer(resuming(2))
    bench.run()
    assert (bench.status(), bench.effects()) == (UpdateStatus.ROLLED_BACK, set())


@pytest.mark.parametrize("phase", [Phase.STOP, Phase.MAINTENANCE])
def test_with_the_data_back_it_is_taken_up_without_the_page_too(bench: Bench, phase: Phase) -> None:
    stop_in(bench, "did health", f"undo {phase}")
    (bench.folder / "effects" / "maintenance").unlink()
    requests_of(bench).answer(resuming(1))
    bench.run()
    assert bench.status() is UpdateStatus.ROLLED_BACK


def test_what_the_support_released_is_not_taken_up(bench: Bench) -> None:
    stop_in(bench, "did health", "undo stop")
    unlock = RequestRow(
        id=1, kind="unlock", payload={"code": bench.code()}, source="shell", requested_by="bob", requested_at=now()
    )
    requests_of(bench).answer(unlock)
    requests_of(bench).answer(resuming(2))
    assert "n'attend pas d'intervention" in answer(bench, 2)["message"]


def test_the_next_update_follows_a_resumed_one(bench: Bench) -> None:
    stop_in(bench, "did health", "undo stop")
    requests_of(bench).answer(resuming(1))
    bench.run()
    requests_of(bench).answer(importing(2))
    bench.run(version="11.6.1")
    assert bench.status(2) is UpdateStatus.SUCCEEDED


def test_nothing_is_taken_up_while_another_update_is_under_way(bench: Bench) -> None:
    stop_in(bench, "did health", "undo stop")
    bench.admit()
    requests_of(bench).answer(resuming(1))
    found = answer(bench, 1)
    assert (found["accepted"], found["update_id"]) == (False, None)
    assert "mise à jour" in found["message"]
    assert bench.status(1) is UpdateStatus.INTERVENTION
    assert bench.journal("warning").count("Reprise demandée par bob.") == 0
