"""Engine rule 1: a full disk under the state stops nothing that must go on, and undo needs no room."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ospi_supervisor.domain.events import Level
from ospi_supervisor.domain.lifecycle import Phase, Recovery, UpdateStatus, rule_of
from ospi_supervisor.engine.reserve import RESERVE_BYTES, Reserve
from ospi_supervisor.phases.base import Run
from tests.support.engine import Bench, close_databases, fail
from tests.support.tmpfs import fill, small_disk

UNDOABLE = [phase for phase in Phase if rule_of(phase).recovery is not Recovery.ROLL_FORWARD]


@pytest.fixture
def full_bench(tmp_path: Path) -> Iterator[Bench]:
    """A bench whose state lies on a small disk of its own; its effects do not."""
    with small_disk(tmp_path / "state", "24m"):
        yield Bench(tmp_path)
        close_databases()


@pytest.mark.parametrize("phase", UNDOABLE)
def test_a_disk_filled_in_a_phase_is_survived_by_the_reserve(full_bench: Bench, phase: Phase) -> None:
    def fill_and_fail(run: Run) -> None:
        fill(full_bench.state)
        fail(run)

    full_bench.admit()
    full_bench.run({f"did {phase}": fill_and_fail})
    assert full_bench.effects() == set()
    assert full_bench.status() is rule_of(phase).ending
    assert not full_bench.paths.reserve.exists()


def test_without_any_room_a_phase_is_not_begun_and_the_undo_is_done_all_the_same(full_bench: Bench) -> None:
    """The record of it follows once there is room again."""

    def take_everything(run: Run) -> None:
        full_bench.paths.reserve.unlink()
        fill(full_bench.state)
        for number in range(5000):  # whatever room the database had of its own
            run.journal(Level.INFO, f"ligne {number}")

    full_bench.admit()
    thread = threading.Thread(target=full_bench.run, args=({"did migrate": take_everything},))
    thread.start()
    deadline = time.monotonic() + 60
    while full_bench.traced()[-1:] != ["undo verify"] and time.monotonic() < deadline:
        time.sleep(0.02)
    assert full_bench.traced()[-1] == "undo verify"
    assert "do start" not in full_bench.traced()
    assert full_bench.status() is UpdateStatus.RUNNING
    (full_bench.state / "filler").unlink()
    thread.join(60)
    assert full_bench.effects() == set()
    assert full_bench.status() is UpdateStatus.ROLLED_BACK
    assert full_bench.journal("info")[-1] == "ligne 4999"


def test_the_reserve_takes_its_room_and_gives_it_back_once(tmp_path: Path) -> None:
    reserve = Reserve(tmp_path / "reserve")
    reserve.hold()
    reserve.hold()
    assert (tmp_path / "reserve").stat().st_blocks * 512 >= RESERVE_BYTES
    assert reserve.give_up()
    assert not reserve.give_up()


def test_a_reserve_for_which_there_is_no_room_leaves_nothing_behind(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "1m") as disk:
        with pytest.raises(OSError, match="No space left"):
            Reserve(disk / "reserve").hold()
        assert list(disk.iterdir()) == []
