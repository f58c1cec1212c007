"""Several instances on one server: their updates come one after the other, and nothing that users wait for waits."""

import signal
from pathlib import Path

import pytest

from ospi_supervisor.domain.lifecycle import Phase, UpdateStatus, rule_of
from ospi_supervisor.engine.engine import Engine
from ospi_supervisor.engine.turn import Turn
from ospi_supervisor.system.lock import exclusive
from tests.support.engine import Bench, Faults, fail, kill
from tests.support.forked import forked

WAITS = "attend son tour : une autre instance est à l'œuvre"


def engine(bench: Bench, turn: Path, faults: Faults | None = None) -> Engine:
    """An instance's engine; `turn` is what all of them take."""
    made = bench.engine(faults or {})
    made.turn = Turn(lambda: exclusive(turn, "une autre instance est à l'œuvre"))
    return made


def run_in_process(bench: Bench, turn: Path, faults: Faults) -> int | None:
    """The same in a process of its own; its exit code."""
    child = forked().Process(target=_run, args=(bench, turn, faults))
    child.start()
    child.join(60)
    return child.exitcode


def _run(bench: Bench, turn: Path, faults: Faults) -> None:
    engine(bench, turn, faults).run_due()


def waits(bench: Bench) -> list[str]:
    return [line for line in bench.journal("info") if WAITS in line]


def test_an_update_waits_for_its_turn_and_says_so_once(bench: Bench, tmp_path: Path) -> None:
    bench.admit()
    worker = engine(bench, tmp_path / "turn")
    with exclusive(tmp_path / "turn", ""):
        worker.run_due()
        worker.run_due()
        assert bench.status() is UpdateStatus.QUEUED
        assert len(waits(bench)) == 1
        assert bench.traced() == []
    worker.run_due()
    assert bench.status() is UpdateStatus.SUCCEEDED


def test_the_turn_is_held_as_long_as_the_update_runs(bench: Bench, tmp_path: Path) -> None:
    bench.admit()
    other = Bench(tmp_path / "other")
    other.admit()

    def the_other_tries(_run: object) -> None:
        engine(other, tmp_path / "turn").run_due()
        assert other.status() is UpdateStatus.QUEUED

    engine(bench, tmp_path / "turn", {f"did {phase}": the_other_tries for phase in Phase}).run_due()
    assert bench.status() is UpdateStatus.SUCCEEDED
    engine(other, tmp_path / "turn").run_due()
    assert other.status() is UpdateStatus.SUCCEEDED


def test_one_that_was_cancelled_meanwhile_ends_without_its_turn(bench: Bench, tmp_path: Path) -> None:
    update = bench.admit()
    bench.store().request_cancel(update)
    with exclusive(tmp_path / "turn", ""):
        engine(bench, tmp_path / "turn").run_due()
    assert bench.status() is UpdateStatus.CANCELLED
    assert bench.effects() == set()


@pytest.mark.parametrize("phase", [Phase.STAGE, Phase.MAINTENANCE, Phase.MIGRATE, Phase.REOPEN])
def test_whoever_dies_gives_it_back_and_goes_on_without_it_once_users_wait(
    bench: Bench, tmp_path: Path, phase: Phase
) -> None:
    bench.admit()
    turn = tmp_path / "turn"
    assert run_in_process(bench, turn, {f"do {phase}": bench.once(kill)}) == -signal.SIGKILL
    with exclusive(turn, "the kernel gave it back"):
        engine(bench, turn).run_due()
        is_over = bench.status() is not UpdateStatus.RUNNING
        assert is_over is not rule_of(phase).cancellable
        assert bool(waits(bench)) is rule_of(phase).cancellable
    engine(bench, turn).run_due()
    assert bench.status() in (UpdateStatus.SUCCEEDED, UpdateStatus.ROLLED_BACK)


def test_the_way_back_does_not_wait(bench: Bench, tmp_path: Path) -> None:
    bench.admit()
    turn = tmp_path / "turn"
    faults: Faults = {"did backup": fail, "undo stage": bench.once(kill)}
    assert run_in_process(bench, turn, faults) == -signal.SIGKILL
    with exclusive(turn, ""):
        engine(bench, turn).run_due()
    assert bench.status() is UpdateStatus.FAILED
    assert bench.effects() == set()
