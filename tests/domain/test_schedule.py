"""The nightly run: once a night, at the server's own minute, whatever daylight saving does."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ospi_supervisor.domain.closures import Calendar, Weekly
from ospi_supervisor.domain.schedule import START_WINDOW, NightlyPlan, due_night, next_run, stable_delay

PARIS = ZoneInfo("Europe/Paris")
MINUTE = timedelta(minutes=1)

# Midnight itself is skipped in Cairo (spring) and happens twice in Havana (autumn); Paris jumps at 2 and at 3.
NIGHTS = [
    ("Europe/Paris", 0, date(2026, 6, 15), "2026-06-14T22:00"),
    ("Europe/Paris", 0, date(2026, 12, 15), "2026-12-14T23:00"),
    ("Europe/Paris", 0, date(2026, 3, 29), "2026-03-28T23:00"),
    ("Europe/Paris", 2, date(2026, 3, 29), "2026-03-29T01:00"),
    ("Europe/Paris", 2, date(2026, 10, 25), "2026-10-25T00:00"),
    ("Africa/Cairo", 0, date(2026, 4, 24), "2026-04-23T22:00"),
    ("America/Havana", 0, date(2026, 11, 1), "2026-11-01T04:00"),
    ("Indian/Reunion", 0, date(2026, 1, 1), "2025-12-31T20:00"),
]


@pytest.mark.parametrize(("zone", "hour", "night", "start"), NIGHTS)
def test_each_night_starts_once_at_its_local_hour(zone: str, hour: int, night: date, start: str) -> None:
    plan = NightlyPlan(zone=ZoneInfo(zone), hour=hour)
    assert plan.start_of(night) == datetime.fromisoformat(start).replace(tzinfo=UTC)


@pytest.mark.parametrize("zone", ["Europe/Paris", "Africa/Cairo", "America/Havana", "Pacific/Apia", "UTC"])
@pytest.mark.parametrize("hour", [0, 1, 2, 3])
def test_a_worker_that_asks_each_minute_runs_every_night_once(zone: str, hour: int) -> None:
    """Across both changes of the clock, and with a delay: as many runs as nights, each of another date."""
    plan = NightlyPlan(zone=ZoneInfo(zone), hour=hour, delay=timedelta(minutes=37))
    for first in (date(2026, 3, 27), date(2026, 4, 22), date(2026, 10, 23), date(2026, 10, 30)):
        nights: list[date] = []
        now = plan.start_of(first) - MINUTE
        end = plan.start_of(first + timedelta(days=4)) - MINUTE
        while now < end:
            if night := due_night(plan, now, nights[-1] if nights else None):
                nights.append(night)
            now += MINUTE
        assert nights == [first + timedelta(days=days) for days in range(4)]


NIGHT = date(2026, 6, 15)
DUE_CASES = [
    ("one minute before", -MINUTE, None, None),
    ("at midnight", timedelta(0), None, NIGHT),
    ("within the window", timedelta(minutes=59), NIGHT - timedelta(days=1), NIGHT),
    ("already run", timedelta(minutes=1), NIGHT, None),
    ("the server was off at midnight", START_WINDOW, None, None),
    ("at noon", timedelta(hours=12), None, None),
    ("the next midnight catches up", timedelta(days=1), NIGHT - timedelta(days=1), NIGHT + timedelta(days=1)),
    ("the clock was put back a day after the run", timedelta(0), NIGHT + timedelta(days=1), None),
    ("the clock was years ahead once", timedelta(0), date(2031, 1, 1), NIGHT),
]


@pytest.mark.parametrize(("case", "after", "last", "expected"), DUE_CASES)
def test_when_a_run_is_due(case: str, after: timedelta, last: date | None, expected: date | None) -> None:
    plan = NightlyPlan(zone=PARIS)
    assert due_night(plan, plan.start_of(NIGHT) + after, last) == expected, case


def test_the_next_run_is_announced() -> None:
    plan = NightlyPlan(zone=PARIS, delay=timedelta(minutes=10))
    noon = datetime(2026, 6, 15, 12, 0, tzinfo=PARIS)
    assert next_run(plan, noon, NIGHT) == datetime(2026, 6, 16, 0, 10, tzinfo=PARIS)
    assert next_run(plan, noon, None) == datetime(2026, 6, 16, 0, 10, tzinfo=PARIS)


@given(
    hours=st.floats(0, 140_000),
    zone=st.sampled_from(["Europe/Paris", "Africa/Cairo", "America/Havana", "Pacific/Chatham", "UTC"]),
    delay=st.integers(0, 719),
    hour=st.integers(0, 23),
)
def test_the_next_run_is_due_when_it_comes_and_not_before(hours: float, zone: str, delay: int, hour: int) -> None:
    now = datetime(2024, 1, 2, tzinfo=UTC) + timedelta(hours=hours)
    plan = NightlyPlan(zone=ZoneInfo(zone), hour=hour, delay=timedelta(minutes=delay))
    last = due_night(plan, now, None)
    start = next_run(plan, now, last)
    assert now < start <= now + timedelta(hours=26)
    night = due_night(plan, start, last)
    assert night is not None
    assert night != last
    assert due_night(plan, start, night) is None


@given(server=st.text(), minutes=st.integers(0, 720))
def test_a_delay_is_stable_and_within_the_jitter(server: str, minutes: int) -> None:
    delay = stable_delay(server, timedelta(minutes=minutes))
    assert timedelta(0) <= delay <= timedelta(minutes=minutes)
    assert delay == stable_delay(server, timedelta(minutes=minutes))


def test_delays_spread_over_the_jitter() -> None:
    """The vendor's servers must survive everybody's midnight: no tenth of the time gets twice its share."""
    jitter = timedelta(hours=2)
    tenths = [0] * 10
    for number in range(5000):
        tenths[int(stable_delay(f"server-{number}", jitter) / jitter * 10)] += 1
    assert max(tenths) < 700
    assert min(tenths) > 300


CLOSED = Calendar(weekly=(Weekly(days=frozenset(range(7)), begin=time(22), end=time(2, 30), reason="sauvegarde"),))


def test_a_night_that_begins_in_a_closure_is_due_at_its_end() -> None:
    plan = NightlyPlan(zone=PARIS, calendar=CLOSED)
    opens = datetime(2026, 6, 15, 2, 30, tzinfo=PARIS)
    assert next_run(plan, plan.start_of(NIGHT), None) == opens
    assert due_night(plan, opens - MINUTE, None) is None
    assert due_night(plan, opens, None) == NIGHT
    assert due_night(plan, opens + START_WINDOW - MINUTE, None) == NIGHT
    assert due_night(plan, opens + START_WINDOW, None) is None
    assert due_night(plan, opens, NIGHT) is None


def test_a_night_that_is_closed_to_its_end_is_due_at_its_hour_to_be_refused() -> None:
    for end in (time(4), time(12)):
        all_night = Weekly(days=frozenset(range(7)), begin=time(22), end=end, reason="clôture")
        plan = NightlyPlan(zone=PARIS, calendar=Calendar(weekly=(all_night,)))
        assert due_night(plan, plan.start_of(NIGHT), None) == NIGHT
