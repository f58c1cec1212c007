"""A night in a closure of the calendar."""

from dataclasses import replace
from datetime import UTC, timedelta

import msgspec

from ospi_supervisor.config.calendar_table import CalendarTable, Day, WeeklyTable
from tests.support.automatic import MIDNIGHT, House, last_run


def test_a_night_that_begins_in_a_closure_runs_when_that_ends(house: House) -> None:
    house.turn_on()
    opens = MIDNIGHT + timedelta(hours=2)
    day = list(Day)[MIDNIGHT.weekday()]
    closed = WeeklyTable(days=(day,), begin=f"{MIDNIGHT:%H:%M}", end=f"{opens:%H:%M}", reason="sauvegarde")
    config = msgspec.structs.replace(house.automatic.config, calendar=CalendarTable(weekly=(closed,)))
    house.automatic = replace(house.automatic, config=config, hours=config.calendar.rules(lambda: UTC))
    house.automatic.run_if_due()
    assert house.engine.load(1) is None
    house.clock.now = opens
    house.automatic.run_if_due()
    update = house.engine.load(1)
    assert update is not None
    assert update.start_at == MIDNIGHT
    assert last_run(house)["ok"]
