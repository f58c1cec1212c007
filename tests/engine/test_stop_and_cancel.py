"""An update that is asked to stop: by an administrator, or because the worker is stopped."""

import time

import pytest

from ospi_supervisor.domain.lifecycle import Phase, PhaseStatus, UpdateStatus, rule_of
from ospi_supervisor.engine.run import INTERVAL_SECONDS
from ospi_supervisor.phases.base import Run
from tests.support.engine import Bench

EARLY = [phase for phase in Phase if rule_of(phase).cancellable]
LATE = [phase for phase in Phase if not rule_of(phase).cancellable]


def work_on(run: Run) -> None:
    """Long work that asks whether to stop."""
    deadline = time.monotonic() + 3 * INTERVAL_SECONDS
    while time.monotonic() < deadline:
        run.check()
        time.sleep(0.01)


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


@pytest.mark.parametrize("phase", LATE)
def test_a_stopping_worker_finishes_what_users_wait_for(bench: Bench, phase: Phase) -> None:
    stopping: list[bool] = []

    def stop(run: Run) -> None:
        stopping.append(True)
        run.check()

    bench.admit()
    bench.run({f"do {phase}": stop}, stopping=lambda: bool(stopping))
    assert bench.status() is UpdateStatus.SUCCEEDED
