"""Engine rule 5: one update at a time, whoever asks from whatever process."""

import time

import pytest

from ospi_supervisor.domain.lifecycle import UpdateStatus
from ospi_supervisor.engine.requests import Requests
from ospi_supervisor.errors import BusyError
from ospi_supervisor.phases.base import Run
from ospi_supervisor.system.lock import update_lock
from tests.engine.test_requests import importing, requests_of
from tests.support.engine import UNASKED, Bench, fail
from tests.support.forked import forked


def linger(_run: Run) -> None:
    time.sleep(0.2)


def ask_and_run(bench: Bench, number: int) -> None:
    """What a worker does when it is rung: judge, then run what is due."""
    requests: Requests = requests_of(bench)
    requests.answer(importing(number))
    bench.run({"do stage": linger, "do backup": linger})


def test_starts_at_once_from_many_processes_run_one_update_and_each_phase_once(bench: Bench) -> None:
    bench.store().close()
    context = forked()
    children = [context.Process(target=ask_and_run, args=(bench, number)) for number in range(1, 7)]
    for child in children:
        child.start()
    for child in children:
        child.join(60)
    assert [child.exitcode for child in children] == [0] * 6
    updates = bench.reader().updates(100)
    answers = [bench.reader().answer(number) for number in range(1, 7)]
    accepted = [answer for answer in answers if answer is not None and answer["accepted"]]
    assert len(accepted) == len(updates)
    assert bench.traced() == [f"do {phase}" for _ in updates for phase in UNASKED]
    assert {update["status"] for update in updates} == {"succeeded"}


def test_a_restore_that_holds_the_lock_keeps_updates_waiting(bench: Bench) -> None:
    bench.admit()
    with update_lock(bench.paths.update_lock):
        bench.run()
        assert bench.status() is UpdateStatus.QUEUED
        with pytest.raises(BusyError), update_lock(bench.paths.update_lock):
            pass
    bench.run()
    assert bench.status() is UpdateStatus.SUCCEEDED


def test_a_failed_version_is_never_run_twice_by_any_number_of_requests(bench: Bench) -> None:
    requests = requests_of(bench)
    for number in range(1, 5):
        requests.answer(importing(number, source="shell" if number % 2 else "import"))
        bench.run({"do migrate": fail})
    assert bench.traced().count("do stage") == 1
    assert [bench.status(number) for number in range(2, 5)] == [UpdateStatus.REFUSED] * 3
