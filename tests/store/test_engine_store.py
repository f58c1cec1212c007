"""What the worker's database itself guarantees."""

import stat
from datetime import timedelta

import pytest
from peewee import IntegrityError

from ospi_supervisor.domain.lifecycle import UpdateStatus
from ospi_supervisor.errors import ConfigurationError
from ospi_supervisor.store.engine_store import EngineStore
from tests.support.engine import Bench, now

SOON = timedelta(minutes=1)


def test_the_database_refuses_a_second_update_under_way(bench: Bench) -> None:
    """Engine rule 5, whatever the program above it does."""
    bench.admit()
    with pytest.raises(IntegrityError):
        bench.admit()


def test_scheduled_and_ended_updates_do_not_stand_in_the_way(bench: Bench) -> None:
    bench.admit(start_at=now() + SOON)
    bench.admit(start_at=now() + SOON)
    bench.admit()
    bench.store().finish(3, UpdateStatus.SUCCEEDED, now())
    assert bench.admit() == 4


def test_the_update_under_way_comes_before_one_that_is_due(bench: Bench) -> None:
    store = bench.store()
    due = bench.admit(start_at=now() + SOON)
    assert store.next_update(now() + SOON) == due
    queued = bench.admit()
    assert store.next_update(now() + SOON) == queued


def test_an_update_cancelled_in_the_meantime_does_not_begin(bench: Bench) -> None:
    store = bench.store()
    update_id = bench.admit()
    store.finish(update_id, UpdateStatus.CANCELLED, now())
    assert not store.begin(update_id, "11.5.0", now())
    assert bench.status(update_id) is UpdateStatus.CANCELLED


def test_a_scheduled_update_does_not_begin_beside_another(bench: Bench) -> None:
    store = bench.store()
    due = bench.admit(start_at=now() + SOON)
    queued = bench.admit()
    assert not store.begin(due, "11.5.0", now())
    assert store.begin(queued, "11.5.0", now())


def test_a_request_is_answered_once(bench: Bench) -> None:
    store = bench.store()
    store.answer(7, accepted=True, now=now())
    with pytest.raises(IntegrityError):
        store.answer(7, accepted=False, now=now())


def test_a_transaction_is_all_or_nothing(bench: Bench) -> None:
    store = bench.store()

    def admit_and_fail() -> None:
        with store.transaction():
            store.admit(bench.new_update(), now())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        admit_and_fail()
    assert bench.reader().updates(100) == []


def test_the_files_are_the_workers_to_write_and_its_groups_to_read(bench: Bench) -> None:
    bench.store().beat(now(), 1)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in bench.paths.engine_dir.iterdir()}
    assert modes == {"engine.db": 0o640, "engine.db-wal": 0o640, "engine.db-shm": 0o640}


def test_an_address_of_another_kind_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="sqlite:"):
        EngineStore("mysql://localhost/engine")
