"""An update that is asked to stop: by an administrator, or because the worker is stopped."""

import time
from dataclasses import replace

import pytest

from ospi_supervisor.domain.lifecycle import Phase, PhaseStatus, UpdateStatus, rule_of
from ospi_supervisor.engine.run import INTERVAL_SECONDS
from ospi_supervisor.errors import PlatformError
from ospi_supervisor.phases.base import Run
from tests.support.engine import Bench, Faults, fail, kill

EARLY = [phase for phase in Phase if rule_of(phase).cancellable]
LATE = [phase for phase in Phase if not rule_of(phase).cancellable]


def work_on(run: Run) -> None:
    """Long work that asks whether to stop."""
    deadline = time.monotonic() + 3 * INTERVAL_SECONDS
    while time.monotonic() < deadline:
        run.check()
        time.sleep(0.01)


def fail_to_recover() -> None:
    raise PlatformError("les bases ne répondent pas")


@pytest.mark.parametrize("phase", EARLY)
def test_a_cancelled_update_is_undone_and_locks_nothing(bench: Bench, phase: Phase) -> None:
    def cancel(run: Run) -> None:
        bench.store().request_cancel(1)
        work_on(run)

    bench.admit()
    bench.run({f"do {phase}": cancel})
    assert bench.status() is UpdateStatus.CANCELLED
    assert bench.update()["failure"] is None
    assert bench.effects() == set()
    assert bench.locked_versions() == []
    assert bench.journal("error") == []


def test_a_cancellation_at_the_end_of_backup_is_never_overtaken_by_maintenance(bench: Bench) -> None:
    bench.admit()
    bench.run({"did backup": lambda run: bench.store().request_cancel(run.request.id)})
    assert bench.status() is UpdateStatus.CANCELLED
    assert "do maintenance" not in bench.traced()
    assert bench.phase_statuses()[Phase.MAINTENANCE] is PhaseStatus.PENDING


@pytest.mark.parametrize("phase", EARLY)
def test_a_stopping_worker_leaves_an_early_phase_to_be_taken_up(bench: Bench, phase: Phase) -> None:
    stopping: list[bool] = []

    def stop(run: Run) -> None:
        stopping.append(True)
        work_on(run)

    bench.admit()
    bench.run({f"do {phase}": stop}, stopping=lambda: bool(stopping))
    assert bench.status() is UpdateStatus.RUNNING
    assert bench.phase_statuses()[phase] is PhaseStatus.PENDING
    bench.run()
    assert bench.status() is UpdateStatus.SUCCEEDED
    assert bench.effects() == set(Phase)


def stop_in(bench: Bench, phase: Phase) -> None:
    """Stop the worker in that phase, when some of its work is done."""
    stopping: list[bool] = []

    def stop(run: Run) -> None:
        stopping.append(True)
        work_on(run)

    bench.run({f"did {phase}": stop}, stopping=lambda: bool(stopping))
    assert bench.status() is UpdateStatus.RUNNING
    assert phase in bench.effects()


@pytest.mark.parametrize("phase", EARLY)
def test_what_a_stopped_worker_had_begun_goes_when_the_update_is_cancelled(bench: Bench, phase: Phase) -> None:
    bench.admit()
    stop_in(bench, phase)
    bench.store().request_cancel(1)
    bench.run()
    assert bench.status() is UpdateStatus.CANCELLED
    assert (bench.effects(), bench.locked_versions()) == (set(), [])
    assert "do maintenance" not in bench.traced()


@pytest.mark.parametrize("phase", EARLY)
def test_what_a_stopped_worker_had_begun_goes_when_it_cannot_be_taken_up(bench: Bench, phase: Phase) -> None:
    bench.admit()
    stop_in(bench, phase)
    engine = bench.engine()
    engine.registry = replace(engine.registry, before_recovery=lambda _stopped: fail_to_recover())
    engine.run_due()
    assert bench.status() is rule_of(phase).ending
    assert bench.effects() == set()


@pytest.mark.parametrize("phase", LATE)
def test_a_stopping_worker_finishes_what_users_wait_for(bench: Bench, phase: Phase) -> None:
    stopping: list[bool] = []

    def stop(run: Run) -> None:
        stopping.append(True)
        run.check()

    bench.admit()
    bench.run({f"do {phase}": stop}, stopping=lambda: bool(stopping))
    assert bench.status() is UpdateStatus.SUCCEEDED


def run_while_the_machine_stops(bench: Bench, faults: Faults) -> None:
    """What fails, fails because the machine is being stopped; the worker's own end comes a moment later."""
    asked: list[bool] = []

    def shutting_down() -> bool:
        asked.append(True)
        return True

    engine = bench.engine(faults, stopping=lambda: bool(asked))
    engine.registry = replace(engine.registry, shutting_down=shutting_down)
    engine.run_due()
    assert asked


@pytest.mark.parametrize("phase", list(Phase)[:-1])
def test_what_fails_while_the_machine_stops_is_left_to_its_next_boot(bench: Bench, phase: Phase) -> None:
    bench.admit()
    run_while_the_machine_stops(bench, {f"did {phase}": fail})
    assert bench.status() is UpdateStatus.RUNNING
    assert bench.phase_statuses()[phase] is PhaseStatus.DOING
    assert bench.update()["failure"] is None
    bench.run()
    old = {UpdateStatus.ROLLED_BACK: set[str](), UpdateStatus.SUCCEEDED: {str(each) for each in Phase}}
    assert bench.effects() == old[bench.status()]
    assert bench.journal("error") == [] or bench.status() is UpdateStatus.ROLLED_BACK


@pytest.mark.parametrize("phase", LATE[: LATE.index(Phase.REOPEN)])
def test_an_undo_that_fails_while_the_machine_stops_goes_on_at_its_next_boot(bench: Bench, phase: Phase) -> None:
    bench.admit()
    bench.run_in_process({"did validate": kill})
    run_while_the_machine_stops(bench, {f"undo {phase}": fail})
    assert bench.status() is UpdateStatus.RUNNING
    assert bench.phase_statuses()[phase] is PhaseStatus.UNDOING
    bench.run()
    assert (bench.status(), bench.effects()) == (UpdateStatus.ROLLED_BACK, set())
