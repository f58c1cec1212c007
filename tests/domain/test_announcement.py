"""When users are told of an interruption to come, and until when it is said to last."""

from datetime import UTC, datetime, timedelta

import pytest

from ospi_supervisor.domain.announcement import Announcement, announcement

TEN = datetime(2026, 3, 2, 22, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("at", "minutes", "now"),
    [(None, 120, TEN), (TEN, 0, TEN), (TEN, 120, TEN - timedelta(hours=2, seconds=1))],
    ids=["nothing planned", "never", "too early"],
)
def test_nothing_is_said(at: datetime | None, minutes: int, now: datetime) -> None:
    assert announcement(at, minutes, "Mise à jour", 60, now) is None


@pytest.mark.parametrize(
    ("seconds", "minutes"), [(None, 60), (0, 5), (60, 5), (200, 5), (201, 10), (3600, 90)], ids=str
)
def test_an_end_is_said_half_as_late_again_in_steps(seconds: float | None, minutes: int) -> None:
    said = announcement(TEN, 120, "Mise à jour", seconds, TEN - timedelta(hours=2))
    assert said == Announcement(begins=TEN, ends=TEN + timedelta(minutes=minutes), message="Mise à jour")
