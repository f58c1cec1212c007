"""A closure that begins while an update is being prepared; and what an update waits, which is no time that it takes."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest

from ospi_supervisor.domain.closures import Calendar, Dates
from ospi_supervisor.domain.hour import HourRules
from ospi_supervisor.domain.lifecycle import UpdateStatus
from tests.engine.test_prepared import HOUR, Day, day
from tests.support.engine import Bench, Faults

__all__ = ["day"]


@pytest.fixture
def eve(bench: Bench) -> Day:
    """An hour before a day on which nothing may begin."""
    day = Day(bench)
    closed = day.at.date() + timedelta(days=2)
    day.at = datetime.combine(closed, time(0), tzinfo=UTC) - HOUR
    day.rules = HourRules(calendar=Calendar(dates=(Dates(first=closed, last=closed, reason="Paie"),)))
    return day


def slow_backup(day: Day) -> Faults:
    def slow(_run: Any) -> None:
        day.at += 3 * HOUR

    return {"do backup": slow}


@pytest.mark.parametrize("planned", [False, True])
def test_a_closure_that_begins_meanwhile_keeps_users_their_platform(eve: Day, planned: bool) -> None:
    hour = {"start_at": (eve.at + timedelta(minutes=1)).isoformat()} if planned else {}
    assert eve.ask(1, "import", **hour)["accepted"]
    assert eve.look(timedelta(minutes=2), faults=slow_backup(eve)) is UpdateStatus.PREPARED
    assert "do maintenance" not in eve.bench.traced()
    assert eve.bench.journal("warning")[-1].endswith("à 00 h 00 (« Paie »). Choisissez une heure.")
    assert not eve.reschedule(2, None)["accepted"]
    assert eve.look(HOUR) is UpdateStatus.PREPARED
    assert eve.reschedule(3, eve.at + 24 * HOUR)["accepted"]
    assert eve.look(24 * HOUR) is UpdateStatus.SUCCEEDED


def test_one_of_the_night_is_cancelled_then_since_nobody_is_there_to_choose(eve: Day) -> None:
    eve.bench.admit(start_at=eve.at, source="automatic")
    assert eve.look(faults=slow_backup(eve)) is UpdateStatus.CANCELLED
    assert eve.bench.effects() == set()
    assert eve.bench.locked_versions() == []
    assert "« Paie »" in eve.bench.journal("warning")[-1]
    assert "« Paie »" in str(eve.bench.update()["failure"])


def test_what_it_waited_is_told_apart_from_what_it_took(day: Day) -> None:
    day.look(7 * HOUR - timedelta(minutes=9))
    assert day.look(timedelta(minutes=9)) is UpdateStatus.SUCCEEDED
    assert day.bench.update()["waited_seconds"] == 7 * 3600


def test_what_it_waited_to_be_validated_is_told_apart_too(bench: Bench) -> None:
    day = Day(bench)

    def wait(_run: Any) -> None:
        day.at += HOUR

    assert day.ask(1, "import", validate=True)["accepted"]
    assert day.look(faults={"do validate": wait}) is UpdateStatus.SUCCEEDED
    assert bench.update()["waited_seconds"] == 3600
