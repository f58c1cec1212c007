"""Engine rule 4: a real SIGKILL of a real process in each phase, do and undo, then another process takes it up."""

import signal

import pytest

from ospi_supervisor.domain.lifecycle import MAX_ATTEMPTS, Phase, PhaseStatus, Recovery, UpdateStatus, rule_of
from tests.support.engine import Bench, Faults, fail, kill

UNDOABLE = [phase for phase in Phase if rule_of(phase).recovery is not Recovery.ROLL_FORWARD]


@pytest.mark.parametrize("moment", ["do", "did"])
@pytest.mark.parametrize("phase", list(Phase))
def test_killed_in_a_phase(bench: Bench, phase: Phase, moment: str) -> None:
    bench.admit()
    faults = {f"{moment} {phase}": bench.once(kill)}
    assert bench.run_in_process(faults) == -signal.SIGKILL
    assert bench.status() is UpdateStatus.RUNNING
    assert bench.run_in_process(faults) == 0
    if rule_of(phase).recovery is Recovery.ROLL_BACK:
        assert bench.status() is UpdateStatus.ROLLED_BACK
        assert bench.effects() == set()
    else:
        assert bench.status() is UpdateStatus.SUCCEEDED
        assert bench.effects() == set(Phase)
    assert f"before_recovery {rule_of(phase).services_stopped}" in bench.traced()
    if phase is Phase.REOPEN:
        assert bench.traced()[-5:] == [
            "before_recovery False",
            "do start",
            "do health",
            "do reopen",
            "do cleanup",
        ]


@pytest.mark.parametrize("moment", ["undo", "undid"])
@pytest.mark.parametrize("phase", UNDOABLE)
def test_killed_in_an_undo(bench: Bench, phase: Phase, moment: str) -> None:
    bench.admit()
    faults: Faults = {"did validate": fail, f"{moment} {phase}": bench.once(kill)}
    assert bench.run_in_process(faults) == -signal.SIGKILL
    assert bench.run_in_process(faults) == 0
    assert bench.status() is UpdateStatus.ROLLED_BACK
    assert bench.effects() == set()
    assert bench.traced().count(f"undo {phase}") == 2
    assert f"before_recovery {rule_of(phase).services_stopped}" in bench.traced()


@pytest.mark.parametrize(
    ("phase", "status"),
    [
        (Phase.STAGE, UpdateStatus.FAILED),
        (Phase.REOPEN, UpdateStatus.INTERVENTION),
        (Phase.CLEANUP, UpdateStatus.SUCCEEDED),
    ],
)
def test_a_phase_that_kills_each_time_is_given_up(bench: Bench, phase: Phase, status: UpdateStatus) -> None:
    bench.admit()
    runs = 0
    while not bench.status().is_final:
        bench.run_in_process({f"do {phase}": kill})
        runs += 1
    assert runs == MAX_ATTEMPTS + 2
    assert bench.status() is status


def test_an_undo_that_kills_each_time_needs_the_support(bench: Bench) -> None:
    bench.admit()
    while not bench.status().is_final:
        bench.run_in_process({"do health": fail, "undo switch": kill})
    assert bench.status() is UpdateStatus.INTERVENTION
    assert bench.traced().count("undo switch") == MAX_ATTEMPTS + 1
    assert bench.update()["failed_phase"] == "health"
    assert bench.update()["failure"].startswith(f"interrompue {MAX_ATTEMPTS + 1} fois")  # what is to be remedied now
    assert bench.phase_statuses()[Phase.SWITCH] is PhaseStatus.FAILED
    assert "maintenance" in bench.effects()


def test_a_platform_that_cannot_be_made_safe_is_left_to_the_support(bench: Bench) -> None:
    """Promise: services that cannot be stopped after a crash are not worked under."""
    bench.admit()
    assert bench.run_in_process({"do migrate": kill}) == -signal.SIGKILL
    engine = bench.engine()

    def cannot(_stopped: bool) -> None:
        fail(None)  # type: ignore[arg-type]

    object.__setattr__(engine.registry, "before_recovery", cannot)
    engine.run_due()
    assert bench.status() is UpdateStatus.INTERVENTION
    assert not [line for line in bench.traced() if line.startswith("undo")]


def test_each_crash_is_counted_where_the_next_worker_finds_it(bench: Bench) -> None:
    bench.admit()
    for crashes in range(3):
        assert bench.run_in_process({"do stage": kill}) == -signal.SIGKILL
        kept = bench.store().load(1)
        assert kept is not None
        assert kept.attempts == crashes  # the first death is counted by who comes after it
