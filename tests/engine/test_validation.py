"""The validation behind the closed door: decided once, by a person, the hour or a crash; each leads where it says."""

import signal
from dataclasses import replace

import pytest

from ospi_supervisor.domain.lifecycle import Phase, PhaseStatus, UpdateStatus
from ospi_supervisor.domain.validation import Decision, Verdict, why_back
from ospi_supervisor.errors import NotOpenedError, WorkerStoppingError
from ospi_supervisor.phases.base import Run
from ospi_supervisor.store.web_rows import RequestRow
from tests.engine.test_requests import answer, requests_of
from tests.support.engine import UNASKED, Bench, fail, kill, now

OPEN, BACK = Verdict.OPEN, Verdict.GO_BACK


def deciding(number: int, kind: str, update_id: int = 1, by: str = "carla") -> RequestRow:
    payload = {"update_id": update_id}
    return RequestRow(id=number, kind=kind, payload=payload, source="import", requested_by=by, requested_at=now())


def wait(run: Run) -> None:
    """What the phase does with what was decided; the rule goes back where nothing was."""
    decision = run.decision(Decision(verdict=BACK))
    assert decision is not None
    if decision.verdict is BACK:
        raise NotOpenedError(why_back(decision, now()))


def test_an_update_that_nobody_asked_to_validate_has_no_such_phase(bench: Bench) -> None:
    bench.admit(validates=False)
    bench.run()
    assert bench.traced() == [f"do {phase}" for phase in UNASKED]
    assert list(bench.phase_statuses()) == UNASKED
    assert bench.status() is UpdateStatus.SUCCEEDED


@pytest.mark.parametrize("kind", ["open", "go_back"])
def test_a_person_decides(bench: Bench, kind: str) -> None:
    requests = requests_of(bench)
    bench.admit()

    def decide(run: Run) -> None:
        requests.answer(deciding(1, kind))
        requests.answer(deciding(2, kind))  # pressed twice
        requests.answer(deciding(3, "open" if kind == "go_back" else "go_back", by="denis"))
        wait(run)

    bench.run({"did validate": decide})
    assert [answer(bench, number)["accepted"] for number in (1, 2, 3)] == [True, True, False]
    assert "déjà été décidé autrement" in answer(bench, 3)["message"]
    assert bench.status() is (UpdateStatus.SUCCEEDED if kind == "open" else UpdateStatus.ROLLED_BACK)
    assert bench.effects() == (set(Phase) if kind == "open" else set())
    assert bench.journal("error") == []
    assert bench.locked_versions() == []


def test_going_back_says_who_wanted_it_and_locks_nothing(bench: Bench) -> None:
    requests = requests_of(bench)
    bench.admit()

    def decide(run: Run) -> None:
        requests.answer(deciding(1, "go_back"))
        wait(run)

    bench.run({"did validate": decide})
    assert bench.update()["failure"] == "carla a choisi de revenir à l'ancienne version"
    assert bench.update()["failed_phase"] == "validate"
    assert "Retour à l'ancienne version décidé par carla." in bench.journal("info")
    bench.admit()
    bench.run()
    assert bench.status(2) is UpdateStatus.SUCCEEDED


def test_the_hour_goes_back_where_nobody_decides(bench: Bench) -> None:
    bench.admit()
    bench.run({"did validate": wait})
    assert bench.status() is UpdateStatus.ROLLED_BACK
    assert "personne n'a ouvert" in bench.update()["failure"]
    requests = requests_of(bench)
    requests.answer(deciding(1, "open"))
    assert not answer(bench, 1)["accepted"]


@pytest.mark.parametrize("kind", ["open", "go_back"])
@pytest.mark.parametrize("phase", ["stage", "health", "reopen", "cleanup"])
def test_nothing_is_decided_but_while_it_waits(bench: Bench, phase: str, kind: str) -> None:
    requests = requests_of(bench)
    bench.admit()
    bench.run({f"did {phase}": lambda _run: requests.answer(deciding(1, kind))})
    assert answer(bench, 1)["message"] == "la mise à jour n° 1 n'attend pas de décision"
    assert bench.status() is UpdateStatus.SUCCEEDED


@pytest.mark.parametrize("rule", [OPEN, BACK])
def test_a_crash_while_it_waits_follows_the_rule(bench: Bench, rule: Verdict) -> None:
    bench.admit()
    assert bench.run_in_process({"did validate": kill}) == -signal.SIGKILL
    engine = bench.engine()
    engine.registry = replace(engine.registry, after_crash=rule)
    engine.run_due()
    assert bench.status() is (UpdateStatus.SUCCEEDED if rule is OPEN else UpdateStatus.ROLLED_BACK)
    assert bench.effects() == (set(Phase) if rule is OPEN else set())
    assert bench.locked_versions() == []
    told = any("comme le veut la configuration" in line for line in bench.journal("warning"))
    assert told is (rule is OPEN)
    done = PhaseStatus.DONE if rule is OPEN else PhaseStatus.UNDONE
    assert bench.phase_statuses()[Phase.VALIDATE] is done
    if rule is OPEN:  # recovery stopped the services
        assert bench.traced()[-5:] == ["before_recovery True", "do start", "do health", "do reopen", "do cleanup"]
    else:
        assert "interrompu pendant la validation" in bench.update()["failure"]


@pytest.mark.parametrize("verdict", [OPEN, BACK])
def test_what_was_decided_is_done_although_a_crash_follows(bench: Bench, verdict: Verdict) -> None:
    bench.admit()
    assert bench.run_in_process({"did validate": kill}) == -signal.SIGKILL
    bench.store().decide(1, Decision(verdict=verdict, by="carla"))
    engine = bench.engine()
    other = BACK if verdict is OPEN else OPEN
    engine.registry = replace(engine.registry, after_crash=other)
    engine.run_due()
    assert bench.status() is (UpdateStatus.SUCCEEDED if verdict is OPEN else UpdateStatus.ROLLED_BACK)
    done = PhaseStatus.DONE if verdict is OPEN else PhaseStatus.UNDONE
    assert bench.phase_statuses()[Phase.VALIDATE] is done


def test_a_stop_of_the_worker_only_interrupts_the_wait(bench: Bench) -> None:
    bench.admit()

    def stop(_run: Run) -> None:
        raise WorkerStoppingError("le service s'arrête")

    bench.run({"did validate": bench.once(stop)}, stopping=lambda: bench.phase_was_left(Phase.VALIDATE))
    assert bench.status() is UpdateStatus.RUNNING
    assert bench.phase_statuses()[Phase.VALIDATE] is PhaseStatus.PENDING
    bench.run()
    assert bench.status() is UpdateStatus.SUCCEEDED
    assert bench.traced()[-4:] == ["before_recovery True", "do validate", "do reopen", "do cleanup"]


def test_a_way_back_that_fails_needs_the_support_and_locks(bench: Bench) -> None:
    bench.admit()
    bench.run({"did validate": wait, "undo migrate": fail})
    assert bench.status() is UpdateStatus.INTERVENTION
    assert bench.locked_versions() == ["11.6.0"]
