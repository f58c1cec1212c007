"""Log files of updates that ended go by number, and by an age that no clock tells."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from ospi_supervisor.domain.lifecycle import UpdateStatus
from ospi_supervisor.domain.retention import AGE_MAX, LOGS_KEPT, NEWEST_KEPT, superfluous
from ospi_supervisor.store.published import PublishedStore
from ospi_supervisor.worker.retention import RETENTION, Retention
from tests.support.engine import Bench, close_databases, now

DAY = timedelta(days=1)


class Life:
    """A worker's life, as long as the test likes, beside a clock that it sets."""

    def __init__(self, bench: Bench) -> None:
        self.seconds = 0.0
        self.now = now()
        self.bench = bench
        self.retention = self.begin()

    def begin(self) -> Retention:
        """A worker that has just started."""
        store, reader = self.bench.store(), self.bench.reader()
        logs = self.bench.paths.logs_dir
        return Retention(store, PublishedStore(store), reader, logs, self.clock, lambda: self.seconds)

    def clock(self) -> datetime:
        return self.now

    def live(self, time: timedelta) -> None:
        """As if the worker had lived so long, a minute after the other."""
        found = self.retention.reader.published(RETENTION)
        assert found is not None
        found[1].lived += time.total_seconds()
        self.retention.published.publish(RETENTION, found[1], self.now)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    yield Bench(tmp_path)
    close_databases()


def log(bench: Bench, number: int) -> Path:
    return bench.paths.logs_dir / f"update-{number}.log"


def test_by_number_the_newest_are_kept() -> None:
    ended = list(range(1, LOGS_KEPT + 21))
    assert sorted(superfluous(ended, timedelta(0), {})) == list(range(1, 21))


def test_by_age_all_but_the_newest_go() -> None:
    ended = list(range(1, 31))
    seen = dict.fromkeys(ended, timedelta(0))
    assert superfluous(ended, AGE_MAX, seen) == []
    assert sorted(superfluous(ended, AGE_MAX + DAY, seen)) == list(range(1, 31 - NEWEST_KEPT))


def test_a_clock_set_far_forward_or_back_removes_nothing_and_keeps_nothing(bench: Bench) -> None:
    for number in range(1, NEWEST_KEPT + 2):
        bench.admit()
        bench.store().finish(number, UpdateStatus.SUCCEEDED, now())
        log(bench, number).parent.mkdir(parents=True, exist_ok=True)
        log(bench, number).touch()
    life = Life(bench)
    life.retention.prune()
    life.now += 10_000 * DAY
    life.retention.prune()
    assert log(bench, 1).exists()
    life.now -= 20_000 * DAY
    life.live(AGE_MAX + DAY)
    life.retention.prune()
    assert not log(bench, 1).exists()
    assert log(bench, 2).exists()


def test_the_log_of_one_under_way_stays_and_life_is_counted_across_workers(bench: Bench) -> None:
    bench.admit()
    log(bench, 1).parent.mkdir(parents=True)
    log(bench, 1).touch()
    life = Life(bench)
    life.retention.prune()
    for _ in range(3):
        life.seconds += 60
        life.retention.prune()
        life.retention = life.begin()
        life.retention.prune()
    found = bench.reader().published(RETENTION)
    assert found is not None
    assert (found[1].lived, found[1].ended_at) == (180.0, {})
    assert log(bench, 1).exists()
