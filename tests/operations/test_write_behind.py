"""What follows behind: everything is settled, in order, one call at a time, and never too far behind."""

import threading

import pytest

from ospi_supervisor.operations.write_behind import WriteBehind
from tests.support.system import wait_until


class Disk:
    """A slow disk: `let` lets it settle once more."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, int]] = []
        self.turn = threading.Semaphore(0)
        self.full = False

    def settle(self, key: str, end: int) -> None:
        self.asked.append((key, end))
        assert self.turn.acquire(timeout=10)
        if self.full:
            raise OSError("plein")

    def let(self, times: int = 1) -> None:
        self.turn.release(times)


@pytest.fixture
def disk() -> Disk:
    return Disk()


def test_what_arrives_meanwhile_is_settled_together(disk: Disk) -> None:
    write_behind = WriteBehind(disk.settle, ahead_max=100)
    write_behind.add("a", 0, 10)
    wait_until(lambda: disk.asked == [("a", 10)], "the first")
    write_behind.add("a", 10, 20)
    write_behind.add("a", 20, 30)
    assert write_behind.arrived("a") == 30
    disk.let(2)
    write_behind.finish("a")
    assert disk.asked == [("a", 10), ("a", 30)]
    assert write_behind.arrived("a") == 0


def test_it_waits_where_it_is_too_far_ahead(disk: Disk) -> None:
    write_behind = WriteBehind(disk.settle, ahead_max=10)
    write_behind.add("a", 0, 10)
    late = threading.Thread(target=write_behind.add, args=["a", 10, 20])
    late.start()
    late.join(0.1)
    assert late.is_alive()
    disk.let(2)
    late.join(10)
    assert not late.is_alive()
    write_behind.finish("a")


def test_one_does_not_wait_for_another(disk: Disk) -> None:
    write_behind = WriteBehind(disk.settle, ahead_max=100)
    write_behind.add("a", 0, 10)
    write_behind.add("b", 5, 6)
    write_behind.finish("c")
    disk.let(2)
    write_behind.finish("a")
    write_behind.finish("b")
    assert sorted(disk.asked) == [("a", 10), ("b", 6)]


def test_what_failed_is_told_once_and_what_was_not_settled_never_arrived(disk: Disk) -> None:
    disk.full = True
    write_behind = WriteBehind(disk.settle, ahead_max=100)
    write_behind.add("a", 0, 10)
    disk.let()
    with pytest.raises(OSError, match="plein"):
        write_behind.finish("a")
    assert write_behind.arrived("a") == 0
    write_behind.finish("a")
    disk.full = False
    disk.let()
    write_behind.add("a", 0, 5)
    write_behind.finish("a")
    assert disk.asked[-1] == ("a", 5)


def test_nothing_more_is_taken_in_before_the_failure_was_told(disk: Disk) -> None:
    disk.full = True
    write_behind = WriteBehind(disk.settle, ahead_max=10)
    write_behind.add("a", 0, 10)
    wait_until(lambda: disk.asked == [("a", 10)], "the first")
    disk.let()
    with pytest.raises(OSError, match="plein"):
        write_behind.add("a", 10, 30)
    assert disk.asked == [("a", 10)]
