"""When a prepared update refreshes its backup, takes the platform, and is too late."""

from datetime import UTC, datetime, timedelta

import pytest

from ospi_supervisor.domain.closures import Calendar
from ospi_supervisor.domain.hour import MARGIN, NEAR, Hour, HourRules, Turn, hour_of

TEN = datetime(2026, 3, 2, 22, 0, tzinfo=UTC)
WAKE = TEN - timedelta(minutes=30)
SECOND = timedelta(seconds=1)
RULES = HourRules(late=timedelta(minutes=45))
REFRESHING, FRESH = Hour(switch_at=TEN, wake_at=WAKE), Hour(switch_at=TEN, wake_at=TEN)


@pytest.mark.parametrize(
    ("hour", "now", "turn"),
    [
        (REFRESHING, WAKE - NEAR - SECOND, Turn.WAIT),
        (REFRESHING, WAKE - NEAR, Turn.REFRESH),
        (REFRESHING, TEN + timedelta(minutes=45), Turn.REFRESH),
        (REFRESHING, TEN + timedelta(minutes=45) + SECOND, Turn.MISSED),
        (FRESH, TEN - NEAR - SECOND, Turn.WAIT),
        (FRESH, TEN - NEAR, Turn.SOON),
        (FRESH, TEN - SECOND, Turn.SOON),
        (FRESH, TEN, Turn.GO),
        (FRESH, TEN + timedelta(minutes=45), Turn.GO),
        (FRESH, TEN + timedelta(minutes=45) + SECOND, Turn.MISSED),
    ],
)
def test_turns(hour: Hour, now: datetime, turn: Turn) -> None:
    assert RULES.turn(hour, now) is turn


def test_a_missed_hour_says_by_how_much_and_what_to_do() -> None:
    told = HourRules(late=timedelta(minutes=45), calendar=Calendar()).why_missed(FRESH, TEN + timedelta(hours=2))
    assert "02/03/2026" in told
    assert "passée de plus de 45 minutes" in told
    assert told.endswith("Choisissez-en une autre.")


def test_a_recent_backup_is_kept_and_an_older_one_made_anew_in_time() -> None:
    took = timedelta(minutes=20)
    refresh_at = TEN - MARGIN - timedelta(minutes=30)
    assert hour_of(TEN, refresh_at, took) == FRESH
    assert hour_of(TEN, refresh_at - SECOND, took) == Hour(switch_at=TEN, wake_at=refresh_at)
    assert hour_of(TEN, None, took) == Hour(switch_at=TEN, wake_at=refresh_at)
