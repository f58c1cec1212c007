"""When nothing may begin: windows of the week and dates, over midnight and over changes of the clocks."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from ospi_supervisor.domain.closures import Calendar, Closure, Dates, Weekly, check_open
from ospi_supervisor.errors import RefusedError

PARIS = ZoneInfo("Europe/Paris")
WORK = Weekly(days=frozenset(range(5)), begin=time(7, 30), end=time(19), reason="Consultations")
NIGHT = Weekly(days=frozenset({4}), begin=time(22), end=time(6), reason="Paie")
CLOSING = Dates(first=date(2026, 12, 28), last=date(2026, 12, 31), reason="Clôture PMSI")
CALENDAR = Calendar(weekly=(WORK, NIGHT), dates=(CLOSING,))


def at(text: str, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=PARIS, fold=fold)


@pytest.mark.parametrize(
    ("moment", "reason", "until"),
    [
        ("2026-11-30T07:29", None, None),
        ("2026-11-30T07:30", "Consultations", "2026-11-30T19:00"),
        ("2026-11-30T18:59", "Consultations", "2026-11-30T19:00"),
        ("2026-11-30T19:00", None, None),
        ("2026-12-04T21:59", None, None),
        ("2026-12-04T22:00", "Paie", "2026-12-05T06:00"),
        ("2026-12-05T05:59", "Paie", "2026-12-05T06:00"),  # a Saturday: the window began on Friday
        ("2026-12-05T12:00", None, None),
        ("2026-12-28T00:00", "Clôture PMSI", "2027-01-01T00:00"),
        ("2026-12-31T23:59", "Clôture PMSI", "2027-01-01T00:00"),
        ("2027-01-01T00:00", None, None),
    ],
)
def test_windows_and_dates(moment: str, reason: str | None, until: str | None) -> None:
    found = CALENDAR.closure(at(moment), PARIS)
    assert (found and found.reason, found and found.until) == (reason, until and at(until))


def test_what_follows_upon_a_closure_is_waited_for_too() -> None:
    together = Calendar(dates=(CLOSING, Dates(first=date(2027, 1, 1), last=date(2027, 1, 1), reason="Férié")))
    assert together.closure(at("2026-12-30T10:00"), PARIS) == Closure(
        reason="Clôture PMSI", until=at("2027-01-02T00:00")
    )
    assert together.next_open(at("2026-12-30T10:00"), PARIS) == at("2027-01-02T00:00")
    assert together.next_open(at("2026-12-27T10:00"), PARIS) == at("2026-12-27T10:00")


def test_a_calendar_that_never_opens_ends_somewhere() -> None:
    always = Calendar(weekly=(Weekly(days=frozenset(range(7)), begin=time(0), end=time(0), reason="Jamais"),))
    found = always.closure(at("2026-11-30T10:00"), PARIS)
    assert found is not None
    assert found.until > at("2027-12-30T10:00")


@pytest.mark.parametrize("day", ["2026-03-29", "2026-10-25"])
def test_each_window_of_a_day_on_which_clocks_change_is_there(day: str) -> None:
    """From two to three, which the one day skips and the other has twice: each instant of it belongs to it."""
    window = Calendar(weekly=(Weekly(days=frozenset({6}), begin=time(1), end=time(4), reason="Nuit"),))
    begin = at(f"{day}T01:00")
    hours = {"2026-03-29": 2, "2026-10-25": 4}[day]
    end = datetime.fromtimestamp(begin.timestamp() + hours * 3600, PARIS)
    assert end == at(f"{day}T04:00")
    for minutes in range(0, hours * 60, 10):
        moment = datetime.fromtimestamp(begin.timestamp() + minutes * 60, PARIS)
        assert window.closure(moment, PARIS) == Closure(reason="Nuit", until=end)
    assert window.closure(end, PARIS) is None
    assert window.closure(begin - timedelta(minutes=1), PARIS) is None


def test_a_refusal_says_why_and_when_instead() -> None:
    check_open(CALENDAR, at("2026-11-30T19:00"), PARIS)
    with pytest.raises(
        RefusedError, match="« Consultations » ; première heure permise ensuite : le 30/11/2026 à 19 h 00"
    ):
        check_open(CALENDAR, at("2026-11-30T10:00"), PARIS)
